// Ways out: what waits, what had to be tried again, and why.

import type { Sink } from "../../api/pipeline";
import { Empty } from "../../parts/empty";
import { bytes, compact, count } from "../../parts/numbers";
import { Ago } from "../../parts/time";
import { rate, type Span } from "./rates";

export function Sinks({ span }: { span: Span }) {
  const { sinks } = span.now;
  if (!sinks.length) {
    return (
      <Empty title="No sinks">
        What views say goes nowhere but to this page. Sinks are configured under [[sinks]].
      </Empty>
    );
  }
  return (
    <ul class="sinks">
      {sinks.map((sink) => (
        <li key={sink.name}>
          <SinkFigures sink={sink} span={span} />
        </li>
      ))}
    </ul>
  );
}

function SinkFigures({ sink, span }: { sink: Sink; span: Span }) {
  const speed = rate(span, (answer) => answer.sinks.find(({ name }) => name === sink.name)?.records);
  return (
    <>
      <h3 class="mono">{sink.name}</h3>
      <dl class="pairs">
        <div>
          <dt>Waiting</dt>
          <dd class={sink.waiting_bytes > 1 << 20 ? "warn" : undefined}>{bytes(sink.waiting_bytes)}</dd>
        </div>
        <div>
          <dt>Records</dt>
          <dd>
            {count(sink.records)} <span class="dim">({compact(speed)}/s)</span>
          </dd>
        </div>
        <div>
          <dt>Retries</dt>
          <dd class={sink.retries ? "warn" : undefined}>{count(sink.retries)}</dd>
        </div>
      </dl>
      {sink.last_failure && (
        <p class="small">
          <span class="bad">Failed</span> <Ago at={sink.last_failure.at} />: {sink.last_failure.what}
        </p>
      )}
    </>
  );
}

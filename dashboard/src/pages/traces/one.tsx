// One trace: who was busy with it when, and what they logged.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type { Log } from "../../api/logs";
import { usePoll } from "../../api/poll";
import { type Span, type Trace, traceById } from "../../api/traces";
import { Card } from "../../parts/card";
import { Empty, Failure, Skeleton } from "../../parts/empty";
import { Icon } from "../../parts/icon";
import { count, duration } from "../../parts/numbers";
import { PageHead } from "../../parts/page";
import { Time } from "../../parts/time";
import { address, useUrl } from "../../url";
import { Details } from "../logs/details";
import { LogList } from "../logs/list";
import "../logs/logs.css";
import { Waterfall } from "./waterfall";

const NO_WORDS: readonly string[] = [];

export function OneTrace({ id }: { id: string }) {
  const [, change] = useUrl();
  const { data, error, reload } = usePoll(id, (signal) => traceById(id, signal), 0);
  return (
    <>
      <PageHead title="Trace" note={<code>{id}</code>}>
        <button type="button" onClick={() => change({ trace: null, span: null, log: null }, { push: true })}>
          All traces
        </button>
        <Link class="button" href={address("/logs", { trace_id: id, time_range: "7d" })}>
          <Icon name="logs" />
          Its logs
        </Link>
      </PageHead>
      {error?.status === 404 ? (
        <Empty title="No logs of this trace are kept" icon="traces">
          They may not be there yet, or too old. Logs can be found about a second after they came.
        </Empty>
      ) : error ? (
        <Failure error={error} retry={reload} />
      ) : data ? (
        <Shown trace={data} />
      ) : (
        <Skeleton lines={8} />
      )}
    </>
  );
}

function Shown({ trace }: { trace: Trace }) {
  const [span, setSpan] = useState<Span>();
  const [log, setLog] = useState<Log>();
  const logs = span ? trace.logs.filter((log) => span.logs.includes(log.id)) : trace.logs;
  const note = span
    ? `of ${span.service}, in the span that is chosen`
    : trace.truncated
      ? "the youngest; there are more"
      : "";
  return (
    <>
      <dl class="trace-facts">
        <Fact name="Began">
          <Time at={trace.start} />
        </Fact>
        <Fact name="Took">{duration(trace.duration_ms)}</Fact>
        <Fact name="Spans">{count(trace.spans.length + trace.spans_left_out)}</Fact>
        <Fact name="Services">{count(trace.services.length)}</Fact>
        <Fact name="Errors">
          <span class={trace.errors ? "bad" : ""}>{count(trace.errors)}</span>
        </Fact>
      </dl>
      <Card
        title="Waterfall"
        flush
        note={
          trace.spans_left_out
            ? `${count(trace.spans_left_out)} more spans begin later and are left out`
            : undefined
        }
      >
        <Waterfall
          trace={trace}
          chosen={span?.id}
          onChoose={(next) => setSpan(next.id === span?.id ? undefined : next)}
        />
      </Card>
      <Card
        title="Logs"
        note={note}
        flush
        actions={
          span && (
            <button type="button" class="quiet" onClick={() => setSpan(undefined)}>
              Logs of all spans
            </button>
          )
        }
      >
        <div class="trace-logs">
          <LogList
            label="Logs of the trace"
            logs={logs}
            words={NO_WORDS}
            open={log?.id ?? null}
            onOpen={setLog}
          />
        </div>
      </Card>
      {log && <Details log={log} onClose={() => setLog(undefined)} />}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

// The dataflow itself: where logs are, where time goes, what is held, and what waits.

import { pipeline } from "../../api/pipeline";
import { usePoll } from "../../api/poll";
import { Card } from "../../parts/card";
import { Failure, Skeleton } from "../../parts/empty";
import { bytes, compact, count, duration } from "../../parts/numbers";
import { PageHead } from "../../parts/page";
import { Arrangements } from "./arrangements";
import { FlowStrip } from "./flow-strip";
import { Operators } from "./operators";
import { Queries } from "./queries";
import { Sinks } from "./sinks";
import { Sources } from "./sources";
import { Workers } from "./workers";
import "./pipeline.css";
import { elapsed, rate, type Span, useSpan } from "./rates";

export default function PipelinePage() {
  const { data, error, reload } = usePoll("pipeline", pipeline, 2000);
  const span = useSpan(data);
  const note = span && `Rates over the last ${duration(Math.round(elapsed(span)) * 1000)}`;
  return (
    <>
      <PageHead title="Pipeline" note={note} />
      {span ? (
        <Shown span={span} />
      ) : error ? (
        <Failure error={error} retry={reload} />
      ) : (
        <Skeleton lines={12} />
      )}
    </>
  );
}

function Shown({ span }: { span: Span }) {
  const { now } = span;
  return (
    <>
      <FlowStrip span={span} />
      <div class="grid">
        <div class="span-6 column">
          <Card title="Workers" note="What becomes of their time">
            <Workers span={span} />
          </Card>
          <Card title="Epochs and commits">
            <Latencies span={span} />
          </Card>
          <Card title="Intake">
            <Intake span={span} />
          </Card>
        </div>
        <Card title="Queries" note="Each with its share of the workers' time" class="span-6" flush>
          <Queries span={span} />
        </Card>
        <Operators span={span} />
        <Card title="Arrangements" note="What the dataflow remembers" class="span-8" flush>
          <Arrangements span={span} />
        </Card>
        <Card title="Sinks" class="span-4" flush>
          <Sinks span={span} />
        </Card>
        <Card
          title="Sources"
          note={now.sources.length === 1 ? "one partition" : `${count(now.sources.length)} partitions`}
          flush
        >
          <Sources span={span} />
        </Card>
      </div>
    </>
  );
}

function Latencies({ span: { now } }: { span: Span }) {
  const seconds = (value: number | null) => (value === null ? "–" : duration(value * 1000));
  const { commits, epoch_seconds: seen } = now;
  const rows = [
    { name: "Epoch until it is seen", of: seen },
    { name: commits.durable ? "Commit to disk" : "Commit in memory", of: commits.seconds },
  ];
  return (
    <>
      <table class="small-table">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">What</span>
            </th>
            <th scope="col" class="number">
              p50
            </th>
            <th scope="col" class="number">
              p99
            </th>
            <th scope="col" class="number">
              max
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, of }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="number">{seconds(of.p50)}</td>
              <td class="number">{seconds(of.p99)}</td>
              <td class="number">{seconds(of.max)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="small dim">
        An epoch is {duration(now.tick_seconds * 1000)}.{" "}
        {commits.epoch === null
          ? "Nothing has been committed yet."
          : `The last commit is of epoch ${commits.epoch}, ${duration((commits.age_seconds ?? 0) * 1000)} ago.`}
      </p>
    </>
  );
}

function Intake({ span }: { span: Span }) {
  const { intake, log_store: store } = span.now;
  const dead = Object.entries(intake.dead_letters).filter(([, many]) => many > 0);
  const rows: [string, string][] = [
    ["Bytes each second", bytes(rate(span, (answer) => answer.intake.bytes))],
    ["Logs since the start", count(intake.logs)],
    ["Late for their window", count(intake.late_updates)],
    ["Keys beyond the bound", count(intake.keys_folded)],
    ...dead.map(([reason, many]): [string, string] => [
      `Dead letters: ${reason.replaceAll("_", " ")}`,
      count(many),
    ]),
  ];
  if (store) {
    rows.push(["Logs that search finds", `${compact(store.logs)} in ${bytes(store.bytes)}`]);
    if (store.behind_seconds !== null) rows.push(["Search is behind", duration(store.behind_seconds * 1000)]);
  }
  return (
    <>
      <dl class="pairs">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {store?.failure && <p class="bad small">Search does not grow: {store.failure}</p>}
    </>
  );
}

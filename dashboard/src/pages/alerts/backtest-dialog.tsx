// When a rule would have fired over the logs that are kept, drawn beside what it measures.

import { useMemo } from "preact/hooks";
import { type Backtest, backtest, type Rule } from "../../api/alerts";
import { RANGE_MS, RANGES } from "../../api/metrics";
import { usePoll } from "../../api/poll";
import { Choice } from "../../parts/choice";
import { Dialog } from "../../parts/dialog";
import { Empty, Failure, Skeleton } from "../../parts/empty";
import { compact, count, duration } from "../../parts/numbers";
import { type Column, Table } from "../../parts/table";
import { Time } from "../../parts/time";
import { useChoice, useUrl } from "../../url";
import { BacktestChart } from "./backtest-chart";
import { BacktestLanes } from "./backtest-lanes";
import { condition, scope, valued } from "./words";

type Told = Backtest["alerts"][number];

export function BacktestDialog({ rule }: { rule: Rule }) {
  const [, change] = useUrl();
  const [range, setRange] = useChoice("over", ["1h", ...RANGES.filter((range) => range !== "1h")]);
  // until now, as of when it was asked for
  const until = useMemo(() => Date.now(), [range, rule.version]);
  const from = new Date(until - RANGE_MS[range]).toISOString();
  const key = `${rule.id} ${rule.version} ${range}`;
  const { data, error, reload } = usePoll(
    key,
    (signal) => backtest(rule.id, from, new Date(until).toISOString(), signal),
    0,
  );
  const isOld = data && data.from !== from;
  return (
    <Dialog title={`Back-test of ${rule.name}`} side onClose={() => change({ backtest: null, over: null })}>
      <div class="backtest-head">
        <p class="dim">
          {condition(rule)} · {scope(rule)}
        </p>
        <Choice label="Over which time" options={RANGES} value={range} onChange={setRange} />
      </div>
      {error && !isOld ? (
        <Failure error={error} />
      ) : !data || isOld ? (
        <>
          <Skeleton lines={6} />
          <p class="dim small">The logs of that time go through the dataflow once more …</p>
        </>
      ) : (
        <Result rule={rule} test={data} range={range} />
      )}
      <div class="buttons">
        <button type="button" onClick={reload}>
          Test again
        </button>
        <button type="button" onClick={() => change({ backtest: null, over: null, rule: rule.id })}>
          Edit the rule
        </button>
      </div>
    </Dialog>
  );
}

function Result({ rule, test, range }: { rule: Rule; test: Backtest; range: (typeof RANGES)[number] }) {
  const fired = test.alerts.filter(({ status }) => status !== "pending");
  const keys = new Set(fired.map(({ key }) => key));
  const seconds = fired.reduce((sum, alert) => sum + alert.fired_seconds, 0);
  const columns: Column<Told>[] = [
    { name: "key", title: "About", cell: ({ key }) => (key === "*" ? "all together" : key) },
    {
      name: "from",
      title: "Fires",
      cell: ({ status, firing_from: at }) => (status === "pending" ? "pending only" : <Time at={at} />),
    },
    {
      name: "to",
      title: "Over",
      cell: ({ resolved_at: at }) => (at ? <Time at={at} /> : "not by then"),
      isMinor: true,
    },
    {
      name: "length",
      title: "For",
      cell: ({ fired_seconds: length }) => duration(length * 1000),
      isNumber: true,
    },
    { name: "peak", title: "Peak", cell: ({ peak }) => valued(rule.metric, peak), isNumber: true },
  ];
  return (
    <>
      <p>
        <b>
          {fired.length
            ? `It would have fired ${fired.length === 1 ? "once" : `${count(fired.length)} times`}, for ${duration(seconds * 1000)} in all`
            : "It would not have fired"}
        </b>
        {keys.size > 1 && `, about ${count(keys.size)} ${rule.group_by}s`}.{" "}
        <span class="dim">
          {compact(test.logs)} logs in {duration(test.took_ms)}
          {test.times_real_time >= 1 && `, ${compact(test.times_real_time)} times as fast as they came`}.
        </span>
      </p>
      <BacktestChart rule={rule} test={test} range={range} />
      {test.alerts.length > 0 && (
        <>
          <BacktestLanes test={test} />
          <Table
            label="Alerts that would have been"
            columns={columns}
            rows={[...test.alerts].reverse().slice(0, 200)}
            keyOf={({ key, since }) => `${key} ${since}`}
          />
        </>
      )}
      {test.logs === 0 && (
        <Empty title="No logs of that time are kept" icon="search">
          A back-test reads the logs that search finds.
        </Empty>
      )}
    </>
  );
}

// The windows behind an anomaly: those that the detectors compared it with, itself, and some after it.

import { useMemo } from "preact/hooks";
import { type Anomaly, metricTitle, metricValue } from "../../api/anomalies";
import { type WindowValue, windowsOf } from "../../api/evidence";
import { usePoll } from "../../api/poll";
import { LineChart } from "../../charts/lines";
import { Failure, Skeleton } from "../../parts/empty";

const WINDOW = 10_000;
/** Windows that are shown after it. */
const AFTER = 18;

export function Windows({ anomaly }: { anomaly: Anomaly }) {
  const { evidence, metric_name: metric } = anomaly;
  const start = Date.parse(anomaly.window_start);
  const end = Date.parse(anomaly.window_end);
  const from = start - evidence.history_windows * WINDOW;
  const to = end + AFTER * WINDOW;
  const isGoingOn = Date.now() < to;
  const { data, error, reload } = usePoll(
    anomaly.id,
    (signal) => windowsOf(anomaly, from, to, signal),
    isGoingOn ? WINDOW : 0,
  );
  const shown = useMemo(() => data && drawn(data, anomaly, from, end), [data, anomaly, from, end]);
  if (error && !data) return <Failure error={error} retry={reload} />;
  if (!shown) return <Skeleton lines={6} />;
  if (shown.times.length === 0) return <p class="dim">The windows behind it are no longer kept.</p>;
  return (
    <div class="why-part">
      <h3>
        {metricTitle(metric)} in windows of ten seconds, with what was expected from the{" "}
        {evidence.history_windows} before
      </h3>
      <LineChart
        label={`${metricTitle(metric)} around the anomaly: ${anomaly.description}`}
        height={180}
        step={WINDOW}
        format={(value) => metricValue(metric, value)}
        marks={[{ at: start, until: end, label: anomaly.description, tone: "bad" }]}
        {...shown}
      />
    </div>
  );
}

/** The values, and the band for as long as it was what they were compared with. */
function drawn(windows: readonly WindowValue[], anomaly: Anomaly, from: number, end: number) {
  const [low, high] = anomaly.evidence.band;
  const times = windows.map((window) => window.at);
  const inside = times.map((at) => at >= from && at <= end);
  const values = windows.map((window) => window.value);
  return {
    times,
    lines: [{ name: metricTitle(anomaly.metric_name), color: "chart-line" as const, values }],
    band: {
      name: "unremarkable",
      low: inside.map((is) => (is ? Math.max(low, 0) : null)),
      high: inside.map((is) => (is ? high : null)),
    },
  };
}

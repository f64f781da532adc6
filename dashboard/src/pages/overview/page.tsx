// What somebody on call keeps open: is something wrong, where, and since when.

import type { AlertRow } from "../../api/alerts-view";
import type { Anomaly } from "../../api/anomalies";
import type { Incident } from "../../api/incidents";
import { overview, RANGE_MS, RANGES, services } from "../../api/metrics";
import { usePoll } from "../../api/poll";
import { useView } from "../../api/view";
import { Choice } from "../../parts/choice";
import { Failure } from "../../parts/empty";
import { PageHead } from "../../parts/page";
import { useChoice } from "../../url";
import { Figures } from "./figures";
import { Levels } from "./levels";
import "./overview.css";
import { RecentAnomalies } from "./recent";
import { Services } from "./services";
import { Timeline } from "./timeline";
import { Volume } from "./volume";

export default function OverviewPage() {
  const [range, setRange] = useChoice("time_range", ["1h", "15m", "6h", "24h"]);
  const figures = usePoll(range, (signal) => overview(range, signal), 2000);
  const rows = usePoll(range, (signal) => services(range, signal), 5000);
  const anomalies = useView<Anomaly>("anomalies");
  const alerts = useView<AlertRow>("alerts");
  const incidents = useView<Incident>("incidents");

  const to = figures.data ? Date.parse(figures.data.to) : Date.now();
  const from = to - RANGE_MS[range];
  const found = within(values(anomalies.rows), from, (one) => one.window_end);
  const fired = within(values(alerts.rows), from, (one) => one.resolved_at);
  const grouped = within(values(incidents.rows), from, (one) => one.ended_at);
  const open = fired.filter((alert) => alert.status === "firing");

  return (
    <>
      <PageHead title="Overview">
        <Choice label="Time range" options={RANGES} value={range} onChange={setRange} />
      </PageHead>
      {figures.error && !figures.data ? (
        <Failure error={figures.error} retry={figures.reload} />
      ) : (
        <Figures data={figures.data} openAlerts={alerts.complete ? open : undefined} />
      )}
      <div class="grid">
        <Volume range={range} anomalies={found} alerts={fired} class="span-8" />
        <RecentAnomalies anomalies={found} isKnown={anomalies.complete} range={range} class="span-4" />
        <Timeline
          from={from}
          to={to}
          anomalies={found}
          alerts={fired}
          incidents={grouped}
          isKnown={alerts.complete}
          class="span-9"
        />
        <Levels data={figures.data} class="span-3" />
        <Services rows={rows.data} error={rows.error} range={range} />
      </div>
    </>
  );
}

function values<V>(rows: readonly { value: V }[]): V[] {
  return rows.map((row) => row.value);
}

/** Those that were not over before; what has no end goes on. */
function within<T>(all: readonly T[], from: number, end: (one: T) => string | null): T[] {
  return all.filter((one) => {
    const until = end(one);
    return until === null || Date.parse(until) > from;
  });
}

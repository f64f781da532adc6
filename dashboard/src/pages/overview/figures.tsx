// The numbers at the top.

import type { AlertRow } from "../../api/alerts-view";
import { jobHealth } from "../../api/health";
import type { Overview } from "../../api/metrics";
import { Figure, Trend } from "../../parts/figure";
import { compact, count, duration, points } from "../../parts/numbers";

export function Figures({
  data,
  openAlerts,
}: {
  data: Overview | undefined;
  openAlerts: AlertRow[] | undefined;
}) {
  const lag = jobHealth.value?.lag;
  const source = jobHealth.value?.components.source;
  return (
    <dl class="figures">
      <Figure
        label="Logs"
        value={data && compact(data.total_logs)}
        note={data && `${compact(data.logs_last_hour)} in the last hour`}
      />
      <Figure
        label="Logs per minute"
        value={data && compact(data.logs_per_minute)}
        note={data && <Trend change={data.trend.logs_per_minute} />}
      />
      <Figure
        label="Error rate"
        value={data && points(data.error_rate)}
        note={data && <Trend change={data.trend.error_rate} isBad />}
      />
      <Figure label="Services" value={data && count(data.services_count)} note="that logged" />
      <Figure
        label="Open alerts"
        href="/alerts"
        value={openAlerts && count(openAlerts.length)}
        tone={openAlerts?.length ? "bad" : undefined}
        note={openAlerts && (openAlerts.length ? names(openAlerts) : "nothing fires")}
      />
      <Figure
        label="Ingest lag"
        href="/pipeline"
        value={lag === undefined || lag === null ? undefined : duration(Math.round(lag * 10) * 100)}
        tone={source && source.status !== "healthy" ? "warn" : undefined}
        note={source && (source.status === "healthy" ? "keeps up" : "the sources are behind")}
      />
    </dl>
  );
}

/** What fires, without saying anything twice. */
function names(alerts: readonly AlertRow[]): string {
  const keys = [...new Set(alerts.map((alert) => (alert.key === "*" ? alert.rule : alert.key)))];
  const rest = keys.length - 2;
  return keys.slice(0, 2).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

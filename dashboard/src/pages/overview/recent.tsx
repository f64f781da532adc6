// The anomalies that somebody should look at: the newest of the gravest.

import { Link } from "wouter-preact";
import { type Anomaly, headline, logsOf, pageOf, serviceOf } from "../../api/anomalies";
import { SEVERITIES, SeverityBadge } from "../../parts/badge";
import { Card } from "../../parts/card";
import { Empty, Skeleton } from "../../parts/empty";
import { count } from "../../parts/numbers";
import { Ago } from "../../parts/time";
import { address } from "../../url";

const SHOWN = 5;

export interface RecentProps {
  anomalies: readonly Anomaly[];
  isKnown: boolean;
  range: string;
  class: string;
}

export function RecentAnomalies({ anomalies, isKnown, range, class: place }: RecentProps) {
  const shown = [...anomalies].sort(newestFirst).slice(0, SHOWN);
  const more = <Link href={address("/anomalies", { time_range: range })}>All {count(anomalies.length)}</Link>;
  return (
    <Card title="Anomalies" note="newest first" actions={anomalies.length > 0 && more} class={place} flush>
      {!isKnown ? (
        <div class="inset">
          <Skeleton lines={6} />
        </div>
      ) : shown.length ? (
        <ul class="anomalies">
          {shown.map((anomaly) => (
            <Item key={anomaly.id} anomaly={anomaly} />
          ))}
        </ul>
      ) : (
        <Empty title="Nothing unusual">
          Detectors compare each window of ten seconds with the windows before it.
        </Empty>
      )}
    </Card>
  );
}

function Item({ anomaly }: { anomaly: Anomaly }) {
  return (
    <li class={`anomaly anomaly-${anomaly.severity}`}>
      <div class="anomaly-head">
        <SeverityBadge severity={anomaly.severity} />
        <Link href={pageOf(anomaly.id)} class="anomaly-service">
          {serviceOf(anomaly)}
        </Link>
        <span class="dim small">
          <Ago at={anomaly.window_end} />
        </span>
      </div>
      <p class="anomaly-text">
        {headline(anomaly)} <Link href={logsOf(anomaly)}>logs</Link>
      </p>
    </li>
  );
}

/** Of the same time the graver first. */
function newestFirst(a: Anomaly, b: Anomaly): number {
  const grave = (anomaly: Anomaly) => SEVERITIES.indexOf(anomaly.severity);
  return b.window_end.localeCompare(a.window_end) || grave(a) - grave(b) || a.id.localeCompare(b.id);
}

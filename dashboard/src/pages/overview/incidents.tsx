// The last incidents, in a line each: where it began, whom it reached, and when.

import { Link } from "wouter-preact";
import { pageOf } from "../../api/anomalies";
import { type Incident, passedOn } from "../../api/incidents";
import { SeverityBadge } from "../../parts/badge";
import { Ago } from "../../parts/time";

const SHOWN = 3;

export function Incidents({ incidents }: { incidents: readonly Incident[] }) {
  const shown = [...incidents].sort(newestFirst).slice(0, SHOWN);
  return (
    shown.length > 0 && (
      <ol class="incidents" aria-label="The last incidents">
        {shown.map((incident) => (
          <Line key={incident.id} incident={incident} />
        ))}
      </ol>
    )
  );
}

function Line({ incident }: { incident: Incident }) {
  const { severity, suspects, anomalies, ended_at, description } = incident;
  const reached = passedOn(incident);
  return (
    <li title={description}>
      <SeverityBadge severity={severity} />
      <p class="incident-text">
        <Link href={pageOf(anomalies[0])}>{suspects[0]?.service}</Link>
        {reached && `, then ${reached}`}
      </p>
      <span class="dim small">
        {anomalies.length === 1 ? "1 anomaly" : `${anomalies.length} anomalies`}, <Ago at={ended_at} />
      </span>
    </li>
  );
}

function newestFirst(a: Incident, b: Incident): number {
  return b.started_at.localeCompare(a.started_at) || a.id.localeCompare(b.id);
}

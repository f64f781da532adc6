// What went wrong when: the last incidents, then service by service. Bars are alerts while they fire, dots are anomalies.

import { Link, useLocation } from "wouter-preact";
import type { AlertRow } from "../../api/alerts-view";
import { type Anomaly, headline, pageOf } from "../../api/anomalies";
import type { Incident } from "../../api/incidents";
import { SEVERITIES } from "../../parts/badge";
import { Card } from "../../parts/card";
import { Empty, Skeleton } from "../../parts/empty";
import { clockMinute, clockTime } from "../../parts/time";
import { address } from "../../url";
import { Incidents } from "./incidents";

export interface TimelineProps {
  from: number;
  to: number;
  anomalies: readonly Anomaly[];
  alerts: readonly AlertRow[];
  incidents: readonly Incident[];
  isKnown: boolean;
  class: string;
}

const MOST_ROWS = 8;
const TICKS = [0, 0.25, 0.5, 0.75, 1];

interface Lane {
  name: string;
  anomalies: Anomaly[];
  alerts: AlertRow[];
}

export function Timeline({ from, to, anomalies, alerts, incidents, isKnown, class: place }: TimelineProps) {
  const lanes = lanesOf(anomalies, alerts);
  const shown = lanes.slice(0, MOST_ROWS);
  const rest = lanes.length - shown.length;
  const note = `${incidents.length} incidents, ${alerts.length} alerts, ${anomalies.length} anomalies`;
  return (
    <Card title="Incidents" note={isKnown && note} actions={<Key />} class={place}>
      {!isKnown ? (
        <Skeleton lines={5} />
      ) : shown.length === 0 ? (
        <Empty title="A quiet time">No alert fired, and detectors found nothing.</Empty>
      ) : (
        <div class="lanes">
          <Incidents incidents={incidents} />
          {shown.map((lane) => (
            <Row key={lane.name} lane={lane} from={from} to={to} />
          ))}
          <div class="lane-axis" aria-hidden="true">
            {TICKS.map((part) => (
              <span key={part}>{clockMinute(new Date(from + (to - from) * part))}</span>
            ))}
          </div>
          {rest > 0 && (
            <p class="dim small">
              and {rest} more services: <Link href="/anomalies">all anomalies</Link>
            </p>
          )}
        </div>
      )}
    </Card>
  );
}

function Key() {
  return (
    <ul class="legend">
      <li>
        <i class="key-alert" aria-hidden="true" /> alert
      </li>
      <li>
        <i class="key-anomaly" aria-hidden="true" /> anomaly
      </li>
    </ul>
  );
}

function Row({ lane, from, to }: { lane: Lane; from: number; to: number }) {
  const [, go] = useLocation();
  const place = (at: number) => Math.min(100, Math.max(0, (100 * (at - from)) / (to - from)));
  const said = `${lane.name}: ${lane.alerts.length} alerts, ${lane.anomalies.length} anomalies`;
  return (
    <div class="lane">
      <Link
        class="lane-name"
        href={address("/anomalies", { service: lane.name === ALL ? null : lane.name })}
        aria-label={said}
      >
        {lane.name}
      </Link>
      <svg class="lane-track" aria-hidden="true">
        <line x1="0" x2="100%" y1="12" y2="12" />
        {lane.alerts.map((alert) => {
          const start = place(Date.parse(alert.firing_from));
          const end = place(alert.resolved_at ? Date.parse(alert.resolved_at) : to);
          return (
            <rect
              key={alert.id}
              class={`bar-${alert.status}`}
              x={`${start}%`}
              y="4"
              height="16"
              rx="3"
              width={`${Math.max(end - start, 0.4)}%`}
            >
              <title>{`${alert.rule}, ${alert.status}, since ${clockTime(new Date(alert.firing_from))}`}</title>
            </rect>
          );
        })}
        {lane.anomalies.map((anomaly) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: by keys, the lane's name leads to all of them
          <circle
            key={anomaly.id}
            class={`dot-${anomaly.severity}`}
            cx={`${place(Date.parse(anomaly.window_start))}%`}
            cy="12"
            r="4"
            onClick={() => go(pageOf(anomaly.id))}
          >
            <title>{`${clockTime(new Date(anomaly.window_start))}: ${headline(anomaly)}`}</title>
          </circle>
        ))}
      </svg>
    </div>
  );
}

const ALL = "all services";

/** A lane for each service, those with the gravest first. */
function lanesOf(anomalies: readonly Anomaly[], alerts: readonly AlertRow[]): Lane[] {
  const lanes = new Map<string, Lane>();
  const lane = (name: string) => {
    const known = lanes.get(name) ?? { name, anomalies: [], alerts: [] };
    lanes.set(name, known);
    return known;
  };
  for (const anomaly of anomalies) lane(anomaly.service ?? ALL).anomalies.push(anomaly);
  for (const alert of alerts) lane(alert.key === "*" ? ALL : alert.key).alerts.push(alert);
  const weight = ({ anomalies, alerts }: Lane) =>
    alerts.length * 10 +
    anomalies.reduce((sum, { severity }) => sum + SEVERITIES.length - SEVERITIES.indexOf(severity), 0);
  return [...lanes.values()].sort((a, b) => weight(b) - weight(a) || a.name.localeCompare(b.name));
}

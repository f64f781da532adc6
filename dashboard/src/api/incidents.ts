// Anomalies that belong together: of the same time, at services that call each other.

import type { Anomaly } from "./anomalies";

export interface Incident {
  id: string;
  started_at: string;
  ended_at: string;
  severity: Anomaly["severity"];
  /** The likely first cause first. */
  suspects: { service: string; blame: number }[];
  /** Their ids, the first of which began it. */
  anomalies: string[];
  description: string;
}

/** The services that trouble was passed on to, as long as they are few enough to name. */
export function passedOn({ suspects }: Incident): string {
  const others = suspects.slice(1).map(({ service }) => service);
  if (others.length <= 2) return others.join(" and ");
  return `${others[0]} and ${others.length - 1} more`;
}

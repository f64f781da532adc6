// What stands behind an anomaly: the windows of its metric, and some of its logs.

import type { Anomaly } from "./anomalies";
import { get } from "./client";
import type { Row } from "./view";

/** A window of ten seconds as detectors see it. */
export interface WindowValue {
  at: number;
  value: number | null;
}

/** The windows of the anomaly's metric, from the view that detectors read. */
export async function windowsOf(
  anomaly: Anomaly,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<WindowValue[]> {
  const path = `/views/${encodeURIComponent(anomaly.metric_name)}`;
  const query = { key: anomaly.service ?? "*", from: iso(from), to: iso(to), limit: 1000 };
  const { rows } = await get<{ rows: Row<unknown>[] }>(path, query, signal);
  return rows.map((row) => ({ at: Date.parse(row.window_start ?? ""), value: measured(row.value) }));
}

/** A count, a rate with its parts, or percentiles of latencies. */
function measured(value: unknown): number | null {
  if (typeof value === "number") return value;
  if (typeof value !== "object" || value === null) return null;
  const told = value as { value?: number; p95_micros?: number | null };
  return told.value ?? told.p95_micros ?? null;
}

export interface SampleLog {
  id: string;
  timestamp: string;
  level: string;
  service: string;
  message: string;
}

/** A few of the anomaly's logs; where errors are what is unusual, errors. */
export async function sampleLogs(
  anomaly: Anomaly,
  signal: AbortSignal,
): Promise<{ total: number; logs: SampleLog[] }> {
  const query = {
    service: anomaly.service,
    level: anomaly.metric_name === "error_rate" ? ["ERROR", "FATAL"] : undefined,
    start_time: anomaly.window_start,
    end_time: anomaly.window_end,
    limit: 8,
  };
  return get("/logs/search", query, signal);
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

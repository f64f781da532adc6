// What stands behind an anomaly: the windows of its metric, the messages that changed, some of its logs.

import type { Anomaly } from "./anomalies";
import { get } from "./client";
import { type Changed, type Counts, compared, MINUTES_BEFORE } from "./compared";
import { knownUpTo } from "./health";
import type { Row } from "./view";

const MINUTE = 60_000;

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

/** Whether all of the anomaly's minutes have been counted. */
export function isCounted(anomaly: Anomaly): boolean {
  return minutesOf(anomaly).end <= knownUpTo();
}

function minutesOf({ window_start, window_end }: Anomaly): { start: number; end: number } {
  const start = Math.floor(Date.parse(window_start) / MINUTE) * MINUTE;
  return { start, end: Math.ceil(Date.parse(window_end) / MINUTE) * MINUTE };
}

/** The patterns of messages that changed most in the anomaly's minutes. */
export async function changedMessages(
  anomaly: Anomaly,
  most: number,
  signal: AbortSignal,
): Promise<Changed[]> {
  const { start, end } = minutesOf(anomaly);
  // a minute that is under way is as long as it has been
  const counted = Math.max(Math.min(end, knownUpTo()) - start, MINUTE / 6) / MINUTE;
  const from = start - MINUTES_BEFORE * MINUTE;
  const prefix = anomaly.service === null ? undefined : `${JSON.stringify([anomaly.service]).slice(0, -1)},`;
  const bounds = { prefix, from: iso(from), to: iso(end), limit: 10_000 };
  const ofService = { service: anomaly.service, time_range: "24h", limit: 1000 };
  const [counts, templates, patterns] = await Promise.all([
    get<{ rows: Counts[] }>("/views/template_counts_1m", bounds, signal),
    get<{ rows: { key: [string, string]; value: string }[] }>(
      "/views/templates",
      { prefix, limit: 10_000 },
      signal,
    ),
    get<{ patterns: { pattern_id: string; pattern: string }[] }>("/logs/patterns", ofService, signal),
  ]);
  const patternOf = new Map(templates.rows.map(({ key, value }) => [key.join(), value]));
  const textOf = new Map(patterns.patterns.map(({ pattern_id, pattern }) => [pattern_id, pattern]));
  return compared(counts.rows, start, counted, (key) => textOf.get(patternOf.get(key.join()) ?? ""))
    .sort((a, b) => Math.abs(b.during - b.before) - Math.abs(a.during - a.before))
    .slice(0, most);
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

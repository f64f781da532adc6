// What has been measured, over all services and of each.

import { get } from "./client";

export const RANGES = ["15m", "1h", "6h", "24h"] as const;
export type Range = (typeof RANGES)[number];

export const RANGE_MS: Record<Range, number> = {
  "15m": 900_000,
  "1h": 3_600_000,
  "6h": 21_600_000,
  "24h": 86_400_000,
};

/** How far apart points are, so that a chart has about a hundred. */
export const INTERVAL: Record<Range, "10s" | "1m" | "5m" | "15m"> = {
  "15m": "10s",
  "1h": "1m",
  "6h": "5m",
  "24h": "15m",
};

export const INTERVAL_MS = { "10s": 10_000, "1m": 60_000, "5m": 300_000, "15m": 900_000 };

export interface Overview {
  total_logs: number;
  logs_last_hour: number;
  logs_per_minute: number;
  /** In percent. */
  error_rate: number;
  services_count: number;
  by_level: Record<string, number>;
  by_service: Record<string, number>;
  /** In percent of what was in the period before; null where none is kept. */
  trend: { logs_per_minute: number | null; error_rate: number | null };
  from: string;
  to: string;
}

export function overview(range: Range, signal: AbortSignal): Promise<Overview> {
  return get("/metrics/overview", { time_range: range }, signal);
}

export interface ServiceRow {
  service: string;
  count: number;
  /** Logs a minute. */
  rate: number;
  /** In percent. */
  error_rate: number;
  /** In milliseconds; null where no log had a latency. */
  p95: number | null;
  anomalies: number;
  alerts: number;
  health: "healthy" | "degraded" | "unhealthy";
  /** 0 to 10. */
  risk_score: number;
}

/** The services' rows; those beyond the first hundred are left to the API. */
export async function services(range: Range, signal: AbortSignal): Promise<ServiceRow[]> {
  const answer = await get<{ services: ServiceRow[] }>("/metrics/services", { time_range: range }, signal);
  return answer.services;
}

export interface Series {
  service: string | null;
  level: string | null;
  points: { t: string; value: number | null }[];
}

export interface Asked {
  metric: "log_volume" | "error_rate" | "latency_p95";
  range: Range;
  services?: readonly string[];
  levels?: readonly string[];
}

/** A metric over time: a series for each service or level that is named. */
export async function timeseries(asked: Asked, signal: AbortSignal): Promise<Series[]> {
  const { metric, range, services: service, levels: level } = asked;
  const query = { metric, time_range: range, interval: INTERVAL[range], service, level };
  return (await get<{ series: Series[] }>("/metrics/timeseries", query, signal)).series;
}

/** Times in milliseconds, as charts take them. */
export function times(series: Series | undefined): number[] {
  return (series?.points ?? []).map((point) => Date.parse(point.t));
}

/** How many services one call tells the series of. */
export const MOST_SERIES = 50;

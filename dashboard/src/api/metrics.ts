// What has been measured, over all services and of each.

import { get } from "./client";

export const RANGES = ["15m", "1h", "6h", "24h"] as const;
export type Range = (typeof RANGES)[number];

export interface Overview {
  total_logs: number;
  logs_last_hour: number;
  logs_per_minute: number;
  /** In percent. */
  error_rate: number;
  services_count: number;
  by_level: Record<string, number>;
  by_service: Record<string, number>;
  /** Against the period before: a part of one for logs, percentage points for errors; null where none is kept. */
  trend: { logs_per_minute: number | null; error_rate: number | null };
  from: string;
  to: string;
}

export function overview(range: Range, signal: AbortSignal): Promise<Overview> {
  return get("/metrics/overview", { time_range: range }, signal);
}

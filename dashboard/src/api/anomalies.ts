// What detectors found, and what they found it by.

import { compact, count, duration, percent } from "../parts/numbers";
import { address } from "../url";

export interface Anomaly {
  id: string;
  metric_name: string;
  anomaly_type: "spike" | "drop" | "pattern_change";
  /** None for all services together. */
  service: string | null;
  severity: "critical" | "high" | "medium" | "low";
  window_start: string;
  window_end: string;
  detected_at: string;
  actual_value: number;
  expected_value: number;
  deviation_percent: number;
  /** From 0 to 1. */
  score: number;
  methods: string[];
  description: string;
  evidence: Evidence;
  /** What had another share of the logs than before, the furthest moved first. */
  shifts: Shift[];
}

/** A part of the logs whose share changed more than chance would have it; shares are from 0 to 1. */
export interface Shift {
  dimension: "template" | "level" | "service";
  value: string;
  template_id: string | null;
  example: string | null;
  share: number;
  share_before: number;
  count: number;
}

export interface Evidence {
  z_score: number;
  moving_average_deviation_percent: number | null;
  isolation_forest_score: number | null;
  history_windows: number;
  /** Where the value would have been unremarkable. */
  band: [number, number];
  /** How rare what was found against days and weeks is, in decades; null where nothing was. */
  long_term: LongTerm | null;
}

export interface LongTerm {
  level: number;
  jump: number;
  shape: number;
  drift: number;
}

const METRIC_NAMES: Record<string, string> = {
  log_volume: "Log volume",
  error_rate: "Error rate",
  latency: "Latency (p95)",
  new_template: "New message",
};

export function metricTitle(name: string): string {
  return METRIC_NAMES[name] ?? name.replaceAll("_", " ");
}

/** A value of a metric as people read it: detectors count errors as a part of one, and latencies in microseconds. */
export function metricValue(name: string, value: number): string {
  if (name === "error_rate") return percent(value);
  if (name === "latency") return duration(value / 1000);
  return Number.isInteger(value) ? count(value) : compact(value);
}

/** What happened, in a few words. */
export function headline(anomaly: Anomaly): string {
  if (anomaly.metric_name === "new_template") return "A message never seen before";
  const way = { spike: "above", drop: "below", pattern_change: "unusual around" }[anomaly.anomaly_type];
  const [actual, expected] = [anomaly.actual_value, anomaly.expected_value].map((value) =>
    metricValue(anomaly.metric_name, value),
  );
  return `${metricTitle(anomaly.metric_name)} ${actual}, ${way} the expected ${expected}`;
}

export function serviceOf(anomaly: Anomaly): string {
  return anomaly.service ?? "all services";
}

/** Where its logs are shown: those of its service and time. */
export function logsOf(anomaly: Anomaly): string {
  return address("/logs", {
    service: anomaly.service,
    start_time: anomaly.window_start,
    end_time: anomaly.window_end,
  });
}

/** Which pattern of messages is new; none of anomalies of numbers. */
export function newPattern(anomaly: Anomaly): string | undefined {
  return anomaly.metric_name === "new_template" ? anomaly.id.split(":").at(-1) : undefined;
}

export function pageOf(id: string | undefined): string {
  return address("/anomalies", { id });
}

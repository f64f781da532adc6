// Rules in words.

import type { AlertStatus, Condition, Metric, Rule, RuleDraft } from "../../api/alerts";
import type { Tone } from "../../parts/badge";
import { compact, duration, points } from "../../parts/numbers";

export const METRIC_TITLES: Record<Metric, string> = {
  count: "Number of logs",
  error_rate: "Error rate",
  latency_p95: "95th percentile of latency",
  anomaly_score: "Anomaly score",
  absence: "No log at all",
};

/** What a threshold is in. */
export const METRIC_UNITS: Record<Metric, string> = {
  count: "logs",
  error_rate: "percent",
  latency_p95: "milliseconds",
  anomaly_score: "0 to 1",
  absence: "",
};

export const CONDITION_TITLES: Record<Condition, string> = {
  greater_than: "is above",
  greater_than_or_equal: "is at least",
  less_than: "is below",
  less_than_or_equal: "is at most",
  equals: "is",
};

const SIGNS: Record<Condition, string> = {
  greater_than: ">",
  greater_than_or_equal: "≥",
  less_than: "<",
  less_than_or_equal: "≤",
  equals: "=",
};

const SHORT: Record<Metric, string> = {
  count: "logs",
  error_rate: "error rate",
  latency_p95: "p95 latency",
  anomaly_score: "anomaly score",
  absence: "no log",
};

/** A value as its metric has it; where that is not known, as a number. */
export function valued(metric: Metric | undefined, value: number): string {
  if (metric === "error_rate") return points(value);
  if (metric === "latency_p95") return duration(value);
  return compact(value);
}

/** As it was given: `5 %`. */
function threshold({ metric, threshold }: RuleDraft): string {
  if (threshold === null) return "?";
  return metric === "error_rate" ? `${compact(threshold)} %` : valued(metric, threshold);
}

/** What a rule looks for: `error rate > 5 % in 5m, by service`. */
export function condition(rule: RuleDraft): string {
  const compared = rule.metric === "absence" ? "" : ` ${SIGNS[rule.condition]} ${threshold(rule)}`;
  const hold = rule.for === "0s" ? "" : `, for ${rule.for}`;
  return `${SHORT[rule.metric]}${compared} in ${rule.time_window}${hold}`;
}

/** Of which logs, and how grouped. */
export function scope(rule: RuleDraft): string {
  const parts = [
    rule.services.length ? rule.services.join(", ") : "all services",
    rule.levels.length ? rule.levels.join(", ") : "",
    rule.group_by ? `by ${rule.group_by}` : "all together",
  ];
  return parts.filter(Boolean).join(" · ");
}

export const STATUS_TITLES: Record<AlertStatus, string> = {
  pending: "Pending",
  firing: "Firing",
  acknowledged: "Acknowledged",
  no_data: "No data",
  resolved: "Resolved",
};

export const STATUS_TONES: Record<AlertStatus, Tone> = {
  pending: "warn",
  firing: "bad",
  acknowledged: "accent",
  no_data: "warn",
  resolved: "plain",
};

export function metricOf(rules: readonly Rule[], id: string): Metric | undefined {
  return rules.find((rule) => rule.id === id)?.metric;
}

// Alerts, the rules that make them, silences, and notices that could not be told.

import type { Severity } from "../parts/badge";
import { apiPath, get, request, send } from "./client";

export const STATUSES = ["firing", "acknowledged", "no_data", "pending", "resolved"] as const;
export type AlertStatus = (typeof STATUSES)[number];

export interface Deed {
  deed: "acknowledge" | "resolve";
  who: string;
  at: string;
  comment: string;
}

export interface Alert {
  id: string;
  rule_id: string;
  rule: string;
  description: string;
  severity: Severity;
  key: string;
  labels: Record<string, string>;
  status: AlertStatus;
  since: string;
  firing_from: string;
  resolved_at: string | null;
  changed_at: string;
  peak: number;
  last: number;
  acknowledged: Deed | null;
  resolved: Deed | null;
}

export interface Transition {
  id: string;
  from: AlertStatus | null;
  to: AlertStatus;
  at: string;
  cause: "condition" | "withdrawn" | "person";
  who: string | null;
  comment: string | null;
}

export interface AlertPage {
  alerts: Alert[];
  next_cursor: string | null;
}

export function alerts(
  filter: {
    status?: AlertStatus | undefined;
    rule?: string | null;
    cursor?: string | undefined;
    limit?: number;
  },
  signal?: AbortSignal,
): Promise<AlertPage> {
  return get("/alerts/triggered", filter, signal);
}

const alertPath = (id: string) => `/alerts/triggered/${encodeURIComponent(id)}`;

export function alert(id: string, signal: AbortSignal): Promise<Alert & { history: Transition[] }> {
  return get(alertPath(id), {}, signal);
}

export function act(id: string, deed: Deed["deed"], comment: string): Promise<Alert> {
  return send("POST", `${alertPath(id)}/${deed}`, { comment });
}

export const METRICS = ["count", "error_rate", "latency_p95", "anomaly_score", "absence"] as const;
export type Metric = (typeof METRICS)[number];

export const CONDITIONS = [
  "greater_than",
  "greater_than_or_equal",
  "less_than",
  "less_than_or_equal",
  "equals",
] as const;
export type Condition = (typeof CONDITIONS)[number];

export const CHANNELS = [
  "console",
  "webhook",
  "slack",
  "email",
  "pagerduty",
  "teams",
  "alertmanager",
] as const;
export type Channel = (typeof CHANNELS)[number];

export type ChannelConfig = Record<string, unknown>;

export interface RuleDraft {
  name: string;
  description: string;
  metric: Metric;
  condition: Condition;
  threshold: number | null;
  clear_threshold: number | null;
  time_window: string;
  levels: string[];
  services: string[];
  for: string;
  keep_firing_for: string;
  severity: Severity;
  labels: Record<string, string>;
  group_by: "service" | "host" | "level" | "template" | null;
  no_data: "keep" | "resolve" | "alert";
  evaluate: "final" | "provisional";
  notification_channel: Channel | null;
  notification_config: ChannelConfig | null;
  notification: {
    group_by: string[];
    group_wait: string;
    group_interval: string;
    repeat_interval: string;
    send_resolved: boolean;
    flap_threshold: number;
    flap_window: string;
    title: string | null;
    text: string | null;
  };
  is_active: boolean;
}

export interface Rule extends RuleDraft {
  id: string;
  owner: string;
  version: number;
  created_at: string;
  updated_at: string;
}

/** Most rules that are shown. */
const MOST = 1000;

export async function rules(signal: AbortSignal): Promise<Rule[]> {
  return (await get<{ rules: Rule[] }>("/alerts/rules", { limit: MOST }, signal)).rules;
}

const rulePath = (id: string) => `/alerts/rules/${encodeURIComponent(id)}`;

export function makeRule(draft: RuleDraft): Promise<Rule> {
  return send("POST", "/alerts/rules", draft);
}

/** Refused where somebody changed the rule since it was read. */
export function changeRule(rule: Rule, draft: RuleDraft): Promise<Rule> {
  return send("PUT", rulePath(rule.id), draft, { "If-Match": `"${rule.version}"` });
}

export function deleteRule(id: string): Promise<void> {
  return send("DELETE", rulePath(id));
}

/** Of a rule what somebody gives. */
export function draftOf(rule: Rule): RuleDraft {
  const { id: _, owner: _owner, version: _version, created_at: _made, updated_at: _changed, ...draft } = rule;
  return draft;
}

export interface Backtest {
  rule_id: string;
  from: string;
  to: string;
  alerts: {
    key: string;
    status: "pending" | "firing" | "resolved" | "no_data";
    since: string;
    firing_from: string;
    resolved_at: string | null;
    fired_seconds: number;
    peak: number;
  }[];
  logs: number;
  took_ms: number;
  times_real_time: number;
}

export async function backtest(id: string, from: string, to: string, signal: AbortSignal): Promise<Backtest> {
  const response = await request(apiPath(`${rulePath(id)}/backtest`), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ from, to }),
    signal,
  });
  return (await response.json()) as Backtest;
}

export interface Matcher {
  name: string;
  value: string;
  isRegex: boolean;
  isEqual: boolean;
}

export interface SilenceDraft {
  matchers: Matcher[];
  starts_at: string;
  ends_at: string;
  comment: string;
}

export interface Silence extends SilenceDraft {
  id: string;
  created_by: string;
  created_at: string;
  updated_at: string;
  state: "pending" | "active" | "expired";
}

export async function silences(signal: AbortSignal): Promise<Silence[]> {
  return (await get<{ silences: Silence[] }>("/alerts/silences", { limit: MOST }, signal)).silences;
}

export function makeSilence(draft: SilenceDraft): Promise<Silence> {
  return send("POST", "/alerts/silences", draft);
}

export function endSilence(id: string): Promise<Silence> {
  return send("DELETE", `/alerts/silences/${encodeURIComponent(id)}`);
}

export interface DeadNotice {
  id: string;
  channel: string;
  created_at: string;
  died_at: string;
  attempts: number;
  reason: string;
}

export function deadNotices(signal: AbortSignal): Promise<{ dead_letters: DeadNotice[]; waiting: number }> {
  return get("/alerts/notices/dead-letters", {}, signal);
}

export function requeue(id: string): Promise<void> {
  return send("POST", `/alerts/notices/dead-letters/${encodeURIComponent(id)}/requeue`);
}

export function testChannel(
  channel: Channel,
  config: ChannelConfig | null,
): Promise<{ delivered: boolean; reason: string | null }> {
  return send("POST", "/alerts/notices/test", {
    notification_channel: channel,
    ...(config && { notification_config: config }),
  });
}

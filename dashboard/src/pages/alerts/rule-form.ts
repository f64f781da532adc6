// A rule while it is written: text as it stands in fields, and what it amounts to.

import type { Channel, RuleDraft } from "../../api/alerts";

/** Fields whose text is not what is sent. */
export interface RuleForm {
  draft: RuleDraft;
  threshold: string;
  clearThreshold: string;
  services: string;
  labels: string;
  groupNotices: string;
}

const NEW: RuleDraft = {
  name: "",
  description: "",
  metric: "error_rate",
  condition: "greater_than",
  threshold: 5,
  clear_threshold: null,
  time_window: "5m",
  levels: [],
  services: [],
  for: "0s",
  keep_firing_for: "0s",
  severity: "medium",
  labels: {},
  group_by: "service",
  no_data: "keep",
  evaluate: "final",
  notification_channel: null,
  notification_config: null,
  notification: {
    group_by: ["alertname"],
    group_wait: "30s",
    group_interval: "5m",
    repeat_interval: "4h",
    send_resolved: true,
    flap_threshold: 6,
    flap_window: "1h",
    title: null,
    text: null,
  },
  is_active: true,
};

export function formOf(draft: RuleDraft = NEW): RuleForm {
  return {
    draft,
    threshold: draft.threshold === null ? "" : String(draft.threshold),
    clearThreshold: draft.clear_threshold === null ? "" : String(draft.clear_threshold),
    services: draft.services.join(", "),
    labels: Object.entries(draft.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join("\n"),
    groupNotices: draft.notification.group_by.join(", "),
  };
}

/** What is sent. What is wrong with it the server says, field by field. */
export function draftFrom(form: RuleForm): RuleDraft {
  const { draft } = form;
  const isAbsence = draft.metric === "absence";
  return {
    ...draft,
    name: draft.name.trim(),
    threshold: isAbsence ? null : number(form.threshold),
    clear_threshold: isAbsence ? null : number(form.clearThreshold),
    services: list(form.services),
    labels: pairs(form.labels, "="),
    notification_config: draft.notification_channel ? draft.notification_config : null,
    notification: { ...draft.notification, group_by: list(form.groupNotices) },
  };
}

function number(text: string): number | null {
  const value = Number(text);
  return text.trim() === "" || Number.isNaN(value) ? null : value;
}

/** What stands between commas. */
export function list(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
}

/** A pair per line. */
export function pairs(text: string, between: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line.trim());
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(between);
      return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + between.length).trim()];
    }),
  );
}

export interface ChannelField {
  name: string;
  title: string;
  kind: "text" | "secret" | "number" | "list" | "headers" | "security";
  isNeeded?: true;
  hint?: string;
}

const URL_FIELD: ChannelField = { name: "url", title: "Address", kind: "text", isNeeded: true };
const HEADERS: ChannelField = {
  name: "headers",
  title: "Headers",
  kind: "headers",
  hint: "A line each: Name: value",
};

/** What each channel has to know. */
export const CHANNEL_FIELDS: Record<Channel, readonly ChannelField[]> = {
  console: [],
  webhook: [
    URL_FIELD,
    { name: "secret", title: "Secret", kind: "secret", hint: "Notices are signed with it" },
    HEADERS,
  ],
  slack: [{ ...URL_FIELD, hint: "The address of an incoming webhook" }],
  teams: [{ ...URL_FIELD, hint: "The address of a Workflows webhook" }],
  email: [
    { name: "host", title: "Mail server", kind: "text", isNeeded: true },
    { name: "port", title: "Port", kind: "number", hint: "587 where it is left empty" },
    { name: "security", title: "Encryption", kind: "security" },
    { name: "username", title: "User", kind: "text" },
    { name: "password", title: "Password", kind: "secret" },
    { name: "from", title: "From", kind: "text", isNeeded: true },
    { name: "to", title: "To", kind: "list", isNeeded: true, hint: "Addresses, between commas" },
  ],
  pagerduty: [
    { name: "routing_key", title: "Routing key", kind: "secret", isNeeded: true },
    { name: "url", title: "Address", kind: "text", hint: "Where it is not PagerDuty's own" },
  ],
  alertmanager: [
    URL_FIELD,
    HEADERS,
    {
      name: "resend_interval",
      title: "Says again every",
      kind: "text",
      hint: "10s to 1h; 1m where it is empty",
    },
  ],
};

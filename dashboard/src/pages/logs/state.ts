// What the page shows, all of it in the address: the parameters are those of the API, and a few of the page's own.

import { useMemo } from "preact/hooks";
import type { Query } from "../../api/client";
import { useUrl } from "../../url";

/** How far back, where the address does not say. */
export const USUAL_RANGE = "15m";
export const RANGES = ["5m", "15m", "30m", "1h", "6h", "12h", "24h", "7d", "30d"] as const;

export interface Filters {
  query: string;
  services: string[];
  levels: string[];
  trace: string;
  /** How far back from now; none where `from` or `to` say it. */
  range: string | null;
  from: string | null;
  to: string | null;
  oldestFirst: boolean;
}

export interface LogState extends Filters {
  /** Logs as they come, rather than those that have. */
  live: boolean;
  /** The log whose details are shown. */
  open: string | null;
}

export type Change = Partial<LogState>;

export function useLogState(): [LogState, (change: Change) => void] {
  const [params, change] = useUrl();
  const text = params.toString();
  const state = useMemo(() => readState(new URLSearchParams(text)), [text]);
  return [state, (wanted) => change(written(wanted), { push: wanted.live !== undefined })];
}

export function readState(params: URLSearchParams): LogState {
  const from = params.get("start_time");
  const to = params.get("end_time");
  const list = (name: string) => params.getAll(name).flatMap((value) => value.split(",").filter(Boolean));
  const asked = params.get("time_range") ?? USUAL_RANGE;
  const range = RANGES.find((known) => known === asked) ?? USUAL_RANGE;
  return {
    query: params.get("query") ?? "",
    services: list("service"),
    levels: list("level"),
    trace: params.get("trace_id") ?? "",
    range: from || to ? null : range,
    from,
    to,
    oldestFirst: params.get("sort") === "oldest",
    live: params.get("live") === "true",
    open: params.get("log"),
  };
}

/** The parameters that a change changes; null takes one away. */
function written(change: Change): Record<string, string | null> {
  const values: Record<string, string | null | undefined> = {
    query: change.query,
    service: change.services?.join(","),
    level: change.levels?.join(","),
    trace_id: change.trace,
    time_range: change.range === USUAL_RANGE ? null : change.range,
    start_time: change.from,
    end_time: change.to,
    sort: change.oldestFirst === undefined ? undefined : change.oldestFirst ? "oldest" : null,
    live: change.live === undefined ? undefined : change.live ? "true" : null,
    log: change.open,
  };
  if (change.range) Object.assign(values, { start_time: null, end_time: null });
  if (change.from || change.to) values["time_range"] = null;
  const named = Object.entries(values).filter(
    (entry): entry is [string, string | null] => entry[1] !== undefined,
  );
  return Object.fromEntries(named);
}

/** The filters that have nothing to do with time, as the API takes them. */
export function condition({ query, services, levels, trace }: Filters): Query {
  return { query, service: services.join(","), level: levels.join(","), trace_id: trace };
}

/** All filters, as the API takes them. */
export function asked(filters: Filters): Query {
  const { range, from, to, oldestFirst } = filters;
  return {
    ...condition(filters),
    time_range: range,
    start_time: from,
    end_time: to,
    sort: oldestFirst ? "oldest" : null,
  };
}

// Traces, and who calls whom.

import type { Level } from "../parts/badge";
import { get, type Query } from "./client";
import type { Log } from "./logs";

/** One trace as a row of a list. */
export interface TraceSummary {
  trace_id: string;
  start: string;
  duration_ms: number;
  services: string[];
  root: string;
  errors: number;
  logs: number;
}

export interface Span {
  id: string;
  service: string;
  start: string;
  duration_ms: number;
  /** The gravest of its logs. */
  level: Level;
  /** The span that it lies in. */
  parent?: string;
  /** Ids of its logs. */
  logs: string[];
  /** Read off times and latencies: no log names it. */
  inferred: boolean;
}

export interface Trace extends Omit<TraceSummary, "logs"> {
  spans: Span[];
  spans_left_out: number;
  logs: Log[];
  truncated: boolean;
}

export interface TraceList {
  traces: TraceSummary[];
  next_cursor: string | null;
  query_time_ms: number;
}

export function searchTraces(query: Query, signal?: AbortSignal): Promise<TraceList> {
  return get<TraceList>("/traces", query, signal);
}

export function traceById(id: string, signal?: AbortSignal): Promise<Trace> {
  return get<Trace>(`/traces/${encodeURIComponent(id)}`, {}, signal);
}

export interface GraphNode {
  service: string;
  /** Logs a minute. */
  rate: number;
  /** In percent. */
  error_rate: number;
}

export interface GraphEdge {
  caller: string;
  callee: string;
  calls: number;
  /** Calls a minute. */
  rate: number;
  /** In percent. */
  error_rate: number;
  latency_p50_ms: number | null;
  latency_p95_ms: number | null;
}

export interface ServiceGraph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  trace_share: number;
}

export function serviceGraph(range: string, signal?: AbortSignal): Promise<ServiceGraph> {
  return get<ServiceGraph>("/services/graph", { time_range: range }, signal);
}

// Logs: searches, one by its id, downloads, questions in plain language, and searches under a name.

import type { Level } from "../parts/badge";
import { apiPath, get, type Query, request, send } from "./client";

export interface Log {
  id: string;
  timestamp: string;
  level: Level;
  service: string;
  message: string;
  host?: string;
  trace_id?: string;
  span_id?: string;
  correlation_id?: string;
  latency_ms?: number;
  attributes?: Record<string, unknown>;
  template_id: string;
  ingested_at: string;
  /** The anomalies that it lies in. */
  anomalies?: string[];
}

export interface Found {
  total: number;
  logs: Log[];
  next_cursor: string | null;
  query_time_ms: number;
  /** Of the first page alone. */
  aggregations?: Aggregations;
}

export interface Aggregations {
  by_level: Partial<Record<Level, number>>;
  by_service: Record<string, number>;
  other_services: number;
  /** Bars that are not empty. */
  histogram: { start: string; count: number }[];
  histogram_seconds: number;
}

export function searchLogs(query: Query, signal?: AbortSignal): Promise<Found> {
  return get<Found>("/logs/search", query, signal);
}

export function logById(id: string, signal?: AbortSignal): Promise<Log> {
  return get<Log>(`/logs/${encodeURIComponent(id)}`, {}, signal);
}

/** Logs that a tail begins with, and that it looks back on after a break: the most that the API has. */
const BEFORE = 1000;

export function tailPath(query: Query): string {
  return apiPath("/logs/tail", { ...query, last: BEFORE });
}

export type ExportFormat = "csv" | "ndjson";

/**
 * Where the browser gets the logs by itself, however many, straight to disk: the cookie says who asks. That it may and can
 * is asked first, for what goes wrong in a download is told to nobody.
 */
export async function exportAddress(format: ExportFormat, query: Query): Promise<string> {
  await request(apiPath("/logs/export", { ...query, format, limit: 0 }));
  return apiPath("/logs/export", { ...query, format });
}

/** What a question in plain language looks for. */
export interface Understood {
  filters: { query: string; time_range: { from: string; to: string } | null };
  explanation: string;
}

export function ask(question: string): Promise<Understood> {
  return send<Understood>("POST", "/ai/search", { query: question });
}

/** A search under a name; `query` is the part of the address after the `?`. */
export interface SavedSearch {
  id: string;
  name: string;
  query: unknown;
}

export async function savedSearches(signal?: AbortSignal): Promise<SavedSearch[]> {
  const { searches } = await get<{ searches: SavedSearch[] }>("/searches", { limit: 1000 }, signal);
  return searches;
}

export function saveSearch(name: string, query: string): Promise<SavedSearch> {
  return send<SavedSearch>("POST", "/searches", { name, query });
}

export function forgetSearch(id: string): Promise<void> {
  return send<void>("DELETE", `/searches/${encodeURIComponent(id)}`);
}

// What messages have in common.

import type { Level } from "../parts/badge";
import { get, type Query } from "./client";

export interface Pattern {
  pattern_id: string;
  /** Words that are variables stand between `<` and `>`. */
  pattern: string;
  service: string;
  count: number;
  /** In percent of all logs. */
  share: number;
  /** The change against the range before, in percent. */
  trend: number | null;
  first_seen: string;
  last_seen: string;
  example: string;
  level: Level | null;
  new: boolean;
  templates: number;
  /** The first of them. */
  template_ids: string[];
}

export interface PatternList {
  from: string;
  to: string;
  total_logs: number;
  patterns: Pattern[];
  next_cursor: string | null;
}

export function patterns(query: Query, signal?: AbortSignal): Promise<PatternList> {
  return get<PatternList>("/logs/patterns", query, signal);
}

interface Counted {
  rows: { window_start: string; value: { levels: Partial<Record<Level, number>> } }[];
}

/** How often a template came, by the start of each minute, in milliseconds. */
export async function countsByMinute(
  service: string,
  template: string,
  signal?: AbortSignal,
): Promise<Map<number, number>> {
  const key = JSON.stringify([service, template]);
  const { rows } = await get<Counted>("/views/template_counts_1m", { key, limit: 10_000 }, signal);
  return new Map(
    rows.map(({ window_start, value }) => [
      Date.parse(window_start),
      Object.values(value.levels).reduce((sum, many) => sum + many, 0),
    ]),
  );
}

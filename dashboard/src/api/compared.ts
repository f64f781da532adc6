// How often messages came, against how often they had come before.

import type { Row } from "./view";

/** A message whose share of the logs is not what it was. */
export interface Changed {
  pattern: string;
  /** Logs a minute while it was unusual, and in the ten minutes before. */
  during: number;
  before: number;
}

export const MINUTES_BEFORE = 10;

/** How often a template came in a minute, by level. */
export type Counts = Row<{ levels: Record<string, number> }> & { key: [string, string] };

/** Logs a minute of each pattern from `start` on and before it. */
export function compared(
  rows: readonly Counts[],
  start: number,
  minutes: number,
  textOf: (key: [string, string]) => string | undefined,
): Changed[] {
  const found = new Map<string, Changed>();
  for (const { key, window_start, value } of rows) {
    const pattern = textOf(key);
    if (pattern === undefined) continue;
    const logs = Object.values(value.levels).reduce((sum, many) => sum + many, 0);
    const of = found.get(pattern) ?? { pattern, during: 0, before: 0 };
    if (Date.parse(window_start ?? "") >= start) of.during += logs / minutes;
    else of.before += logs / MINUTES_BEFORE;
    found.set(pattern, of);
  }
  return [...found.values()];
}

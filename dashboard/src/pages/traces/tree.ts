// Spans in the order of a waterfall: each after the one that it lies in, by its beginning.

import type { Span } from "../../api/traces";

export interface Placed {
  span: Span;
  depth: number;
  /** Where it begins and how long it is, in percent of the whole. */
  from: number;
  length: number;
}

/** What a span of no length still shows, in percent. */
const LEAST = 0.3;

export function placed(spans: readonly Span[], start: string, duration: number): Placed[] {
  const known = new Set(spans.map((span) => span.id));
  const inside = new Map<string | undefined, Span[]>();
  for (const span of spans) {
    // one whose parent was left out stands at the top
    const parent = span.parent !== undefined && known.has(span.parent) ? span.parent : undefined;
    inside.set(parent, [...(inside.get(parent) ?? []), span]);
  }
  const begin = Date.parse(start);
  const whole = Math.max(duration, 0.001);
  const rows: Placed[] = [];
  const waiting = (inside.get(undefined) ?? []).map((span) => ({ span, depth: 0 })).reverse();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { span, depth } = next;
    const from = Math.min(100 - LEAST, Math.max(0, (100 * (Date.parse(span.start) - begin)) / whole));
    const length = Math.min(100 - from, Math.max(LEAST, (100 * span.duration_ms) / whole));
    rows.push({ span, depth, from, length });
    const children = (inside.get(span.id) ?? []).map((span) => ({ span, depth: depth + 1 }));
    waiting.push(...children.reverse());
  }
  return rows;
}

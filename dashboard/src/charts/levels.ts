// Which colour a level has, and which stands on which: what is bad is at the bottom, where its height can be compared.

import { LEVELS, type Level } from "../parts/badge";
import type { Color } from "./look";

export const LEVELS_FROM_BOTTOM: readonly Level[] = [...LEVELS].reverse();

export function levelColor(level: string): Color {
  const known = LEVELS.find((one) => one === level.toUpperCase()) ?? "TRACE";
  return `fill-${known.toLowerCase()}` as Color;
}

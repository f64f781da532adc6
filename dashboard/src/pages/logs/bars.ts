// The bars of a histogram, those that are empty, too.

import type { Aggregations } from "../../api/logs";

export interface Bar {
  /** In milliseconds. */
  start: number;
  count: number;
}

/** Most bars that are drawn; the API has about sixty. */
const MOST_BARS = 400;

/** The API leaves out bars that are empty, and those of the time that was asked for before the first log. */
export function allBars(
  { histogram, histogram_seconds }: Aggregations,
  from: number | null,
  to: number | null,
): Bar[] {
  const width = histogram_seconds * 1000;
  const counts = new Map(histogram.map(({ start, count }) => [Date.parse(start), count]));
  const starts = [...counts.keys()];
  const some = starts[0];
  if (some === undefined || !width) return [];
  let first = Math.min(...starts);
  let last = Math.max(...starts);
  // bars lie where the API put them, whatever was asked for
  while (from !== null && first > from && (last - first) / width < MOST_BARS) first -= width;
  while (to !== null && last + width < to && (last - first) / width < MOST_BARS) last += width;
  const bars: Bar[] = [];
  for (let start = first; start <= last && bars.length < MOST_BARS; start += width) {
    bars.push({ start, count: counts.get(start) ?? 0 });
  }
  return bars;
}

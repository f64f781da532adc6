// From counts to the heights of what is stacked.

import type uPlot from "uplot";
import type { Color } from "./look";

export interface StackedSeries {
  name: string;
  color: Color;
  values: readonly number[];
}

/** Each series on top of those before it; the tallest comes first, so that the others are drawn over it. */
export function stack(times: readonly number[], series: readonly StackedSeries[]): uPlot.AlignedData {
  let below = new Array<number>(times.length).fill(0);
  const stacked = series.map(({ values }) => {
    below = below.map((sum, index) => sum + (values[index] ?? 0));
    return below;
  });
  return [times as number[], ...stacked.reverse()];
}

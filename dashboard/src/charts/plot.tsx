// A uPlot chart that is as wide as its place, follows the theme, and takes new data without being made anew.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import "./charts.css";
import { perFrame } from "../frame";
import { isDark } from "../theme";

export interface PlotProps {
  /** What the chart shows, in words: for whoever cannot see it. */
  label: string;
  height: number;
  /** What changes the chart rather than its data: it is made anew when this changes. */
  kind: string;
  /** The first array has times, in milliseconds. */
  data: uPlot.AlignedData;
  options: () => Omit<uPlot.Options, "width" | "height">;
}

export function Plot({ label, height, kind, data, options }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>();
  const newest = useRef(data);
  newest.current = data;
  const dark = isDark.value;

  useEffect(() => {
    const host = place.current;
    if (!host) return;
    const made = new uPlot({ ...options(), width: host.clientWidth, height }, newest.current, host);
    plot.current = made;
    const fit = perFrame(() => made.setSize({ width: host.clientWidth, height }));
    const resized = new ResizeObserver(() => {
      if (host.clientWidth !== made.width) fit();
    });
    resized.observe(host);
    return () => {
      resized.disconnect();
      fit.cancel();
      made.destroy();
      plot.current = undefined;
    };
  }, [kind, height, dark]);

  useEffect(() => {
    if (plot.current && plot.current.data !== data) plot.current.setData(data);
  }, [data]);

  return <div ref={place} class="plot" role="img" aria-label={label} />;
}

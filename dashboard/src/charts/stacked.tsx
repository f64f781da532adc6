// Counts over time, stacked: bars of a chart whose first series stands at the bottom.

import { useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import { compact, count } from "../parts/numbers";
import { Legend } from "./legend";
import { type Color, colorOf, fromZero, onRange, quietCursor, timeAxis, valueAxis } from "./look";
import { type Mark, marksAt, marksPlugin } from "./marks";
import { Plot } from "./plot";
import { type StackedSeries, stack } from "./stack";
import { tooltipPlugin } from "./tooltip";

export interface StackedProps {
  label: string;
  height?: number;
  /** When each interval starts, in milliseconds, and how long it is. */
  times: readonly number[];
  step: number;
  series: readonly StackedSeries[];
  marks?: readonly Mark[];
  /** Somebody dragged over a range of time. */
  onSelect?: (from: number, to: number) => void;
  legend?: boolean;
}

export function StackedChart(props: StackedProps) {
  const { label, height = 200, times, step, series, marks = [], onSelect, legend = true } = props;
  const now = useRef({ times, series, marks, step, onSelect });
  now.current = { times, series, marks, step, onSelect };
  const data = useMemo(() => stack(times, series), [times, series]);
  const kind = `${series.map((one) => one.name).join()} ${Boolean(onSelect)}`;

  const options = (): Omit<uPlot.Options, "width" | "height"> => ({
    ms: 1,
    legend: { show: false },
    padding: [8, 16, 0, 0],
    cursor: { ...quietCursor(Boolean(onSelect)), dataIdx: barUnder },
    scales: {
      x: { range: (_, from, to) => [from, to + now.current.step] },
      y: { range: fromZero },
    },
    axes: [timeAxis(), valueAxis(compact)],
    series: [{}, ...[...series].reverse().map(({ color }) => bars(color))],
    hooks: {
      setSelect: [onRange((from, to) => now.current.onSelect?.(from, to))],
    },
    plugins: [
      marksPlugin(() => now.current.marks),
      tooltipPlugin((index) => {
        const { times, series, marks, step } = now.current;
        const start = times[index] ?? 0;
        const lines = [...series].reverse().map(({ name, color, values }) => ({
          name,
          value: count(values[index] ?? 0),
          swatch: color,
        }));
        return { lines, marks: marksAt(marks, start, step) };
      }),
    ],
  });

  return (
    <div class="chart">
      <Plot label={label} height={height} kind={kind} data={data} options={options} />
      {legend && <Legend entries={series.map(({ name, color }) => ({ name, swatch: color }))} />}
    </div>
  );
}

function bars(color: Color): uPlot.Series {
  const paths = uPlot.paths.bars?.({ align: 1, size: [0.88, 40], gap: 0 });
  const fill = colorOf(color);
  return { fill, stroke: fill, width: 0, points: { show: false }, ...(paths && { paths }) };
}

/** A bar begins at its time: the nearest time may be that of the bar after. */
function barUnder(plot: uPlot, _: number, nearest: number, at: number): number {
  return nearest > 0 && (plot.data[0][nearest] ?? 0) > at ? nearest - 1 : nearest;
}

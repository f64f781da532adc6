// Values over time as lines, with the band in which they were expected.

import { useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { Legend } from "./legend";
import { type Color, colorOf, fromZero, onRange, quietCursor, timeAxis, valueAxis } from "./look";
import { type Mark, marksAt, marksPlugin } from "./marks";
import { Plot } from "./plot";
import { tooltipPlugin } from "./tooltip";

export interface Line {
  name: string;
  color: Color;
  /** null where there was nothing to measure. */
  values: readonly (number | null)[];
  dashed?: boolean;
}

export interface LinesProps {
  label: string;
  height?: number;
  /** When each value was, in milliseconds, and how far they are apart. */
  times: readonly number[];
  step: number;
  lines: readonly Line[];
  /** Between which values each was expected. */
  band?: { low: readonly (number | null)[]; high: readonly (number | null)[]; name: string };
  marks?: readonly Mark[];
  format: (value: number) => string;
  onSelect?: (from: number, to: number) => void;
  legend?: boolean;
}

export function LineChart(props: LinesProps) {
  const {
    label,
    height = 200,
    times,
    step,
    lines,
    band,
    marks = [],
    format,
    onSelect,
    legend = true,
  } = props;
  const now = useRef({ lines, band, marks, step, times, onSelect });
  now.current = { lines, band, marks, step, times, onSelect };
  const data = useMemo((): uPlot.AlignedData => {
    const values = lines.map((line) => line.values as (number | null)[]);
    const edges = band ? [band.high as (number | null)[], band.low as (number | null)[]] : [];
    return [times as number[], ...edges, ...values];
  }, [times, lines, band]);
  const kind = `${lines.map((line) => line.name + line.color).join()} ${Boolean(band)} ${Boolean(onSelect)}`;

  const options = (): Omit<uPlot.Options, "width" | "height"> => ({
    ms: 1,
    legend: { show: false },
    padding: [8, 16, 0, 0],
    cursor: quietCursor(Boolean(onSelect)),
    scales: { y: { range: fromZero } },
    axes: [timeAxis(), valueAxis(format)],
    series: [{}, ...(band ? [edge(), edge()] : []), ...lines.map(drawn)],
    bands: band ? [{ series: [1, 2], fill: colorOf("chart-band") }] : [],
    hooks: { setSelect: [onRange((from, to) => now.current.onSelect?.(from, to))] },
    plugins: [
      marksPlugin(() => now.current.marks),
      tooltipPlugin((index) => tell(now.current, index, format)),
    ],
  });

  const entries = lines.map(({ name, color }) => ({ name, swatch: color as string }));
  if (band) entries.push({ name: band.name, swatch: "chart-band" });
  return (
    <div class="chart">
      <Plot label={label} height={height} kind={kind} data={data} options={options} />
      {legend && <Legend entries={entries} />}
    </div>
  );
}

type Shown = Pick<LinesProps, "lines" | "band" | "times" | "step"> & { marks: readonly Mark[] };

function tell({ lines, band, marks, times, step }: Shown, index: number, format: (value: number) => string) {
  const told = lines.map(({ name, color, values }) => {
    const value = values[index];
    return {
      name,
      swatch: color as string,
      value: value === null || value === undefined ? "–" : format(value),
    };
  });
  const [low, high] = [band?.low[index], band?.high[index]];
  if (band && typeof low === "number" && typeof high === "number") {
    told.push({ name: band.name, swatch: "chart-band", value: `${format(low)} – ${format(high)}` });
  }
  return { lines: told, marks: marksAt(marks, times[index] ?? 0, step) };
}

function drawn({ color, dashed }: Line): uPlot.Series {
  return {
    stroke: colorOf(color),
    width: 1.6,
    points: { show: false },
    ...(dashed && { dash: [4, 4] }),
  };
}

function edge(): uPlot.Series {
  return { stroke: "transparent", width: 0, points: { show: false } };
}

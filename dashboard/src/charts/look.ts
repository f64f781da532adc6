// How all charts look: colours from the style sheet, quiet axes, times as the browser's language has them.

import type uPlot from "uplot";

/** A colour of `tokens.css`, such as `fill-error`. */
export type Color = `fill-${"trace" | "debug" | "info" | "warn" | "error" | "fatal"}` | ChartColor;
type ChartColor =
  | "chart-line"
  | "chart-band"
  | "chart-grid"
  | "accent"
  | "dim"
  | "ink"
  | "good"
  | "warn"
  | "bad"
  | "special"
  | "surface";

/** What a canvas needs: the value that the name has in the theme that is on. */
export function colorOf(name: Color): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const FONT = "11px system-ui, sans-serif";
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

const toSecond = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const toMinute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const toDay = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const toMinuteOfDay = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** A time as it stands under an axis whose marks are `step` apart. */
function tick(at: number, step: number): string {
  const format = step >= DAY ? toDay : step < MINUTE ? toSecond : toMinute;
  return format.format(at);
}

/** A time as it stands over the numbers of that time. */
export function moment(at: number): string {
  const today = new Date(at).toDateString() === new Date().toDateString();
  return (today ? toSecond : toMinuteOfDay).format(at);
}

export function timeAxis(): uPlot.Axis {
  return {
    font: FONT,
    stroke: colorOf("dim"),
    grid: { show: false },
    ticks: { show: true, stroke: colorOf("chart-grid"), size: 4 },
    size: 26,
    gap: 4,
    space: 64,
    values: (_, times, __, ___, step) => times.map((at) => tick(at, step)),
  };
}

export function valueAxis(format: (value: number) => string): uPlot.Axis {
  return {
    font: FONT,
    stroke: colorOf("dim"),
    grid: { stroke: colorOf("chart-grid"), width: 1 },
    ticks: { show: false },
    size: 52,
    gap: 6,
    space: 36,
    values: (_, values) => values.map((value) => format(value)),
  };
}

/** From 0 to somewhat more than the largest value, which leaves room for marks. */
export function fromZero(_: uPlot, __: number, most: number): [number, number] {
  return [0, most > 0 ? most * 1.12 : 1];
}

/** A cursor without uPlot's own dots and zoom; what is dragged over can be taken up as a range of time. */
export function quietCursor(canSelect: boolean): uPlot.Cursor {
  return { points: { show: false }, y: false, drag: { x: canSelect, y: false, setScale: false } };
}

/** Tells of a range of time that was dragged over, then takes the drawing of it away. */
export function onRange(tell: (from: number, to: number) => void): (plot: uPlot) => void {
  return (plot) => {
    const { left, width } = plot.select;
    if (width < 4) return;
    tell(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  };
}

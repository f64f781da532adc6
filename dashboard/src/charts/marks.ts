// Marks on a chart: what happened when. Each has a head at the top; what is bad, a line over the whole height. Its words
// stand in the tooltip and, for whoever cannot see either, in the list that a page shows beside the chart.

import type uPlot from "uplot";
import { type Color, colorOf } from "./look";

export interface Mark {
  /** In milliseconds. */
  at: number;
  /** Where it lasts. */
  until?: number;
  label: string;
  tone: "bad" | "warn" | "accent";
}

/** Draws the marks that `marks` says there are when the chart is drawn. */
export function marksPlugin(marks: () => readonly Mark[]): uPlot.Plugin {
  return {
    hooks: {
      draw: (plot) => {
        const { ctx, bbox } = plot;
        const scale = devicePixelRatio;
        ctx.save();
        ctx.beginPath();
        ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
        ctx.clip();
        for (const mark of marks()) draw(plot, mark, colorOf(mark.tone satisfies Color), scale);
        ctx.restore();
      },
    },
  };
}

function draw(plot: uPlot, mark: Mark, color: string, scale: number): void {
  const { ctx, bbox } = plot;
  const x = Math.round(plot.valToPos(mark.at, "x", true));
  const end = mark.until === undefined ? x : plot.valToPos(mark.until, "x", true);
  ctx.fillStyle = color;
  ctx.strokeStyle = color;
  if (end - x > 2 * scale) {
    ctx.globalAlpha = 0.1;
    ctx.fillRect(x, bbox.top, end - x, bbox.height);
  }
  // what is less grave is a head alone, or many marks would hide the chart
  if (mark.tone === "bad") {
    ctx.globalAlpha = 0.8;
    ctx.lineWidth = scale;
    ctx.setLineDash([3 * scale, 3 * scale]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
  }
  ctx.globalAlpha = 1;
  const size = 4 * scale;
  ctx.beginPath();
  ctx.moveTo(x - size, bbox.top);
  ctx.lineTo(x + size, bbox.top);
  ctx.lineTo(x, bbox.top + size * 1.5);
  ctx.fill();
}

/** The marks of an interval that starts then. */
export function marksAt(marks: readonly Mark[], start: number, step: number): Mark[] {
  return marks.filter((mark) => mark.at < start + step && (mark.until ?? mark.at + 1) > start);
}

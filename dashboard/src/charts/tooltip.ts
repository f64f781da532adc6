// What a chart says of the time under the pointer.

import type uPlot from "uplot";
import { moment } from "./look";
import type { Mark } from "./marks";

export interface Told {
  name: string;
  value: string;
  /** A class of `charts.css` that gives its colour. */
  swatch: string;
}

/** Shows what `tell` says of the point with this index. */
export function tooltipPlugin(
  tell: (index: number) => { lines: Told[]; marks: readonly Mark[] },
): uPlot.Plugin {
  const box = document.createElement("div");
  box.className = "chart-tip";
  box.hidden = true;
  return {
    hooks: {
      init: (plot) => {
        plot.over.append(box);
      },
      setCursor: (plot) => {
        const { left } = plot.cursor;
        // which point it is may be up to the chart: see `dataIdx`
        const idx = plot.cursor.idxs?.[1] ?? plot.cursor.idx;
        const time = idx === null || idx === undefined ? undefined : plot.data[0][idx];
        box.hidden = time === undefined || left === undefined || left < 0;
        if (box.hidden || time === undefined || idx === null || idx === undefined) return;
        const { lines, marks } = tell(idx);
        box.replaceChildren(line("chart-tip-time", moment(time)), ...lines.map(told), ...marks.map(marked));
        const pointer = left ?? 0;
        const isRight = pointer > plot.over.clientWidth / 2;
        const x = isRight ? pointer - box.offsetWidth - 12 : pointer + 12;
        box.style.transform = `translate(${Math.round(x)}px, 4px)`;
      },
    },
  };
}

function line(kind: string, ...text: (string | Node)[]): HTMLElement {
  const made = document.createElement("div");
  made.className = kind;
  made.append(...text);
  return made;
}

function told({ name, value, swatch }: Told): HTMLElement {
  const [color, number] = [document.createElement("i"), document.createElement("b")];
  color.className = `swatch swatch-${swatch}`;
  number.textContent = value;
  return line("chart-tip-line", color, name, number);
}

function marked(mark: Mark): HTMLElement {
  return line(`chart-tip-mark ${mark.tone}`, mark.label);
}

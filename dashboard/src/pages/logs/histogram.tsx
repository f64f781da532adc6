// How many logs there were when: bars, of which one can be chosen, or several by drawing over them.

import { useRef, useState } from "preact/hooks";
import type { Aggregations } from "../../api/logs";
import { count } from "../../parts/numbers";
import { clockTime } from "../../parts/time";
import { allBars, type Bar } from "./bars";

export interface HistogramProps {
  found: Aggregations;
  /** What was asked for, in milliseconds; the bars say it where nothing else does. */
  from: number | null;
  to: number | null;
  onChoose: (from: number, to: number) => void;
}

const HEIGHT = 64;

export function Histogram({ found, from, to, onChoose }: HistogramProps) {
  const area = useRef<SVGSVGElement>(null);
  const [drawn, setDrawn] = useState<[number, number] | null>(null);
  const [over, setOver] = useState<Bar | null>(null);
  const width = found.histogram_seconds * 1000;
  const bars = allBars(found, from, to);
  if (!bars.length || !width) return <div class="histogram" />;
  const most = Math.max(...bars.map((bar) => bar.count), 1);

  const barAt = (event: PointerEvent): number => {
    const box = area.current?.getBoundingClientRect();
    const part = box ? (event.clientX - box.left) / box.width : 0;
    return Math.max(0, Math.min(bars.length - 1, Math.floor(part * bars.length)));
  };
  const choose = ([a, b]: [number, number]) => {
    const [first, last] = [bars[Math.min(a, b)], bars[Math.max(a, b)]];
    if (first && last) onChoose(first.start, last.start + width);
  };
  const begin = (event: PointerEvent) => {
    const at = barAt(event);
    area.current?.setPointerCapture(event.pointerId);
    setDrawn([at, at]);
  };
  const move = (event: PointerEvent) => {
    const at = barAt(event);
    setOver(bars[at] ?? null);
    if (drawn) setDrawn([drawn[0], at]);
  };
  const end = () => {
    if (drawn) choose(drawn);
    setDrawn(null);
  };

  const chosen = drawn && [Math.min(...drawn), Math.max(...drawn)];
  const first = bars[0]?.start ?? 0;
  const last = (bars.at(-1)?.start ?? 0) + width;
  const shown = over ?? null;
  return (
    <div class="histogram">
      <svg
        ref={area}
        viewBox={`0 0 ${bars.length} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Logs over time, at most ${count(most)} in a bar`}
        onPointerDown={begin}
        onPointerMove={move}
        onPointerUp={end}
        onPointerCancel={() => setDrawn(null)}
        onPointerLeave={() => setOver(null)}
      >
        {chosen && (
          <rect
            class="histogram-chosen"
            x={chosen[0]}
            width={(chosen[1] ?? 0) - (chosen[0] ?? 0) + 1}
            y={0}
            height={HEIGHT}
          />
        )}
        {bars.map((bar, at) => {
          const height = bar.count ? Math.max(1.5, (bar.count / most) * HEIGHT) : 0;
          return (
            <rect
              key={bar.start}
              class={bar === shown ? "bar bar-over" : "bar"}
              x={at + 0.1}
              y={HEIGHT - height}
              width={0.8}
              height={height}
            />
          );
        })}
      </svg>
      <p class="histogram-axis" aria-hidden="true">
        <span>{clockTime(new Date(first))}</span>
        <span>
          {shown
            ? `${count(shown.count)} from ${clockTime(new Date(shown.start))}`
            : `most in a bar: ${count(most)}`}
        </span>
        <span>{clockTime(new Date(last))}</span>
      </p>
    </div>
  );
}

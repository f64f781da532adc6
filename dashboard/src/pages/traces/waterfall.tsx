// Spans as bars over the time of their trace.

import { useMemo } from "preact/hooks";
import type { Span, Trace } from "../../api/traces";
import { LevelBadge } from "../../parts/badge";
import { duration } from "../../parts/numbers";
import { type Placed, placed } from "./tree";

const QUARTERS = [0, 25, 50, 75, 100];
/** Deeper spans are not moved further to the right. */
const DEEPEST = 12;

export interface WaterfallProps {
  trace: Trace;
  chosen: string | undefined;
  onChoose: (span: Span) => void;
}

export function Waterfall({ trace, chosen, onChoose }: WaterfallProps) {
  const rows = useMemo(() => placed(trace.spans, trace.start, trace.duration_ms), [trace]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
    <section class="waterfall" aria-label="Waterfall" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Span</th>
            <th scope="col" class="number">
              Took
            </th>
            <th scope="col">
              <div class="waterfall-axis">
                {QUARTERS.map((at) => (
                  <span key={at}>{at ? duration((trace.duration_ms * at) / 100) : "0"}</span>
                ))}
              </div>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.span.id} row={row} isChosen={row.span.id === chosen} onChoose={onChoose} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Row({
  row,
  isChosen,
  onChoose,
}: {
  row: Placed;
  isChosen: boolean;
  onChoose: (span: Span) => void;
}) {
  const { span, depth, from, length } = row;
  const isGrave = span.level === "ERROR" || span.level === "FATAL";
  const hint = span.inferred ? "Read off times and latencies: no log names this span" : `Span ${span.id}`;
  return (
    <tr class="span-row" aria-current={isChosen ? "true" : undefined} onClick={() => onChoose(span)}>
      <th scope="row">
        <span class="span-name" style={{ paddingLeft: Math.min(depth, DEEPEST) * 14 }}>
          {depth > 0 && <span class="span-knee" aria-hidden="true" />}
          <button type="button" class="quiet" aria-pressed={isChosen} title={hint}>
            {span.service}
          </button>
          {(isGrave || span.level === "WARN") && <LevelBadge level={span.level} />}
        </span>
      </th>
      <td class="number">{duration(span.duration_ms)}</td>
      <td class="span-time">
        <span class="span-lane" aria-hidden="true">
          <span
            class={`span-bar ${isGrave ? "span-bar-bad" : ""} ${span.inferred ? "span-bar-inferred" : ""}`}
            style={{ left: `${from}%`, width: `${length}%` }}
          />
        </span>
      </td>
    </tr>
  );
}

// When what would have fired: a lane for each thing that the rule looks at.

import type { Backtest } from "../../api/alerts";
import { duration } from "../../parts/numbers";
import { clockTime } from "../../parts/time";

const MOST = 12;
const TICKS = [0, 0.25, 0.5, 0.75, 1];

export function BacktestLanes({ test }: { test: Backtest }) {
  const [from, to] = [Date.parse(test.from), Date.parse(test.to)];
  const place = (at: string | null) => {
    const part = ((at ? Date.parse(at) : to) - from) / (to - from);
    return Math.min(1, Math.max(0, part));
  };
  const keys = [...new Set(test.alerts.map(({ key }) => key))];
  const shown = keys.slice(0, MOST);
  return (
    <figure class="lanes">
      <figcaption class="lane-legend">
        <span class="lane-kind">
          <i class="lane-swatch lane-firing" /> firing
        </span>
        <span class="lane-kind">
          <i class="lane-swatch lane-pending" /> pending
        </span>
      </figcaption>
      {shown.map((key) => (
        <div key={key} class="lane">
          <span class="lane-name" title={key}>
            {key === "*" ? "all" : key}
          </span>
          <div class="lane-track">
            {test.alerts
              .filter((alert) => alert.key === key)
              .map((alert) => {
                const fires = alert.status === "pending" ? alert.resolved_at : alert.firing_from;
                const spans = [
                  { name: "pending", start: place(alert.since), end: place(fires) },
                  {
                    name: "firing",
                    start: place(alert.firing_from),
                    end: alert.status === "pending" ? place(alert.firing_from) : place(alert.resolved_at),
                  },
                ];
                return spans
                  .filter(({ start, end }) => end > start)
                  .map(({ name, start, end }) => (
                    <span
                      key={`${alert.since} ${name}`}
                      class={`lane-${name}`}
                      title={`${name} ${clockTime(new Date(from + start * (to - from)))}, for ${duration(Math.round((end - start) * (to - from)))}`}
                      style={{ left: `${start * 100}%`, width: `${(end - start) * 100}%` }}
                    />
                  ));
              })}
          </div>
        </div>
      ))}
      <div class="lane lane-axis dim" aria-hidden="true">
        <span class="lane-name" />
        <div class="lane-track">
          {TICKS.map((part) => (
            <span key={part} style={{ left: `${part * 100}%` }}>
              {clockTime(new Date(from + part * (to - from)))}
            </span>
          ))}
        </div>
      </div>
      {keys.length > MOST && <p class="dim small">and {keys.length - MOST} more</p>}
    </figure>
  );
}

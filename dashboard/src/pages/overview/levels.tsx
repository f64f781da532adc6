// Which part of the logs is of which level.

import type { Overview } from "../../api/metrics";
import { levelColor } from "../../charts/levels";
import { LEVELS } from "../../parts/badge";
import { Card } from "../../parts/card";
import { Skeleton } from "../../parts/empty";
import { compact, count, percent } from "../../parts/numbers";

export function Levels({ data, class: place }: { data: Overview | undefined; class: string }) {
  const rows = [...LEVELS]
    .reverse()
    .map((level) => ({ level, logs: data?.by_level[level] ?? 0 }))
    .filter(({ logs }) => logs > 0);
  const all = rows.reduce((sum, { logs }) => sum + logs, 0);
  let left = 0;
  const parts = rows.map(({ level, logs }) => {
    const [x, width] = [left, (100 * logs) / all];
    left += width;
    return (
      <rect key={level} class={`share-${level.toLowerCase()}`} x={`${x}%`} width={`${width}%`} height="12" />
    );
  });
  return (
    <Card title="Levels" note="share of all logs" class={place}>
      {!data ? (
        <Skeleton lines={6} />
      ) : (
        <>
          <svg class="share" aria-hidden="true">
            {parts}
          </svg>
          <table class="share-table">
            <caption class="hidden">Logs by level</caption>
            <tbody>
              {rows.map(({ level, logs }) => (
                <tr key={level}>
                  <th scope="row">
                    <i class={`swatch swatch-${levelColor(level)}`} aria-hidden="true" /> {level}
                  </th>
                  <td class="number dim" title={count(logs)}>
                    {compact(logs)}
                  </td>
                  <td class="number">{percent(logs / all)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </Card>
  );
}

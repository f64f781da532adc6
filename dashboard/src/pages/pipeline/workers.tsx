// Each worker's time as a bar, and in words.

import { percent } from "../../parts/numbers";
import type { Span } from "./rates";
import { busy, type TimeShares } from "./worker-time";

const KINDS = [
  { name: "reading", title: "Reading and parsing" },
  { name: "operators", title: "Operators" },
  { name: "other", title: "Between operators" },
  { name: "parked", title: "Idle" },
] as const;

export function Workers({ span }: { span: Span }) {
  const workers = busy(span);
  return (
    <>
      <ul class="time-legend">
        {KINDS.map(({ name, title }) => (
          <li key={name}>
            <span class={`time-swatch time-${name}`} aria-hidden="true" />
            {title}
          </li>
        ))}
      </ul>
      <ul class="worker-times">
        {workers.map((worker) => (
          <li key={worker.worker}>
            <Bar worker={worker} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Bar({ worker }: { worker: TimeShares }) {
  return (
    <>
      <div class="worker-head">
        <b>Worker {worker.worker}</b>
        {worker.heldBack > 0.001 && <span class="warn">held back {percent(worker.heldBack)}</span>}
      </div>
      <div class="time-bar" aria-hidden="true">
        {KINDS.map(({ name }) => (
          <span key={name} class={`time-${name}`} style={{ width: `${worker[name] * 100}%` }} />
        ))}
      </div>
      <dl class="time-words">
        {KINDS.map(({ name, title }) => (
          <div key={name}>
            <dt>{title}</dt>
            <dd>{percent(worker[name])}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

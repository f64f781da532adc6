// What became of workers' time between two answers, as parts of one.

import type { WorkerTime } from "../../api/pipeline";
import type { Span } from "./rates";

export interface TimeShares {
  worker: number;
  reading: number;
  operators: number;
  parked: number;
  /** Between operators: messages, and the ends of epochs. */
  other: number;
  busy: number;
  heldBack: number;
}

export function busy({ now, before }: Span): TimeShares[] {
  return now.workers.map((worker) =>
    shares(
      worker,
      before?.workers.find((old) => old.worker === worker.worker),
    ),
  );
}

function shares(now: WorkerTime, before: WorkerTime | undefined): TimeShares {
  const all = Math.max(now.seconds - (before?.seconds ?? 0), 1e-3);
  const share = (of: (time: WorkerTime) => number) =>
    Math.min(1, Math.max(0, (of(now) - (before ? of(before) : 0)) / all));
  const reading = share((time) => time.reading_seconds);
  const operators = share((time) => time.operator_seconds);
  const parked = share((time) => time.parked_seconds);
  return {
    worker: now.worker,
    reading,
    operators,
    parked,
    other: Math.max(0, 1 - reading - operators - parked),
    busy: 1 - parked,
    heldBack: share((time) => time.held_back_seconds),
  };
}

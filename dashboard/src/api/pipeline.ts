// The dataflow itself: totals since the start, and what happens each second by two answers.

import { useRef } from "preact/hooks";
import { get } from "./client";

/** In seconds, of the last few. */
export interface Quantiles {
  p50: number | null;
  p99: number | null;
  max: number | null;
}

export interface Partition {
  source: string;
  partition: number;
  worker: number;
  next_offset: number | null;
  lag: number | null;
  newest: string | null;
  watermark: string | null;
  delay_seconds: number | null;
  pace: "active" | "idle" | "ended";
}

export interface WorkerTime {
  worker: number;
  seconds: number;
  reading_seconds: number;
  operator_seconds: number;
  parked_seconds: number;
  held_back_seconds: number;
}

export interface Operator {
  id: number;
  name: string;
  address: number[];
  seconds: number;
  seconds_by_worker: number[];
  runs: number;
  records_in: number;
  records_out: number;
  records_held: number;
  held_by_worker: number[];
  records_waiting: number;
  bytes_waiting: number;
  inputs: { from: number; records: number }[];
}

export interface Part {
  /** A query, or a part of one; none for what carries all of them. */
  name: string | null;
  operators: Operator[];
}

export interface Sink {
  name: string;
  records: number;
  retries: number;
  waiting_bytes: number;
  last_failure: { at: string; what: string } | null;
}

export interface Pipeline {
  timestamp: string;
  epoch: number;
  tick_seconds: number;
  watermark: string | null;
  epoch_seconds: Quantiles;
  intake: {
    logs: number;
    bytes: number;
    dead_letters: Record<string, number>;
    late_updates: number;
    keys_folded: number;
  };
  sources: Partition[];
  workers: WorkerTime[];
  parts: Part[];
  commits: { durable: boolean; epoch: number | null; age_seconds: number | null; seconds: Quantiles };
  sinks: Sink[];
  log_store: {
    logs: number;
    bytes: number;
    slices: number;
    behind_seconds: number | null;
    failure: string | null;
  } | null;
}

export function pipeline(signal: AbortSignal): Promise<Pipeline> {
  return get("/pipeline", {}, signal);
}

/** An answer and one before it, some seconds older. */
export interface Span {
  now: Pipeline;
  before: Pipeline | undefined;
}

/** What lies between two answers is averaged over at least this long, in seconds. */
const LEAST = 4;
const KEPT = 8;

/** The answer with one before it, so that figures are of the last seconds; of all time at first. */
export function useSpan(now: Pipeline | undefined): Span | undefined {
  const seen = useRef<Pipeline[]>([]);
  if (!now) return undefined;
  const answers = seen.current;
  const last = answers.at(-1);
  // a job that started again counts from zero
  if (last && uptime(now) < uptime(last)) answers.length = 0;
  if (answers.at(-1)?.timestamp !== now.timestamp) answers.push(now);
  while (answers.length > KEPT) answers.shift();
  const old = answers.findLast((answer) => uptime(now) - uptime(answer) >= LEAST) ?? answers[0];
  return { now, before: old && uptime(old) < uptime(now) ? old : undefined };
}

function uptime(answer: Pipeline): number {
  return Math.max(0, ...answer.workers.map((worker) => worker.seconds));
}

/** How many seconds of a worker's life lie between the answers. */
export function elapsed({ now, before }: Span): number {
  return Math.max(uptime(now) - (before ? uptime(before) : 0), 1e-3);
}

/** How fast a total grows, each second. */
export function rate(span: Span, total: (answer: Pipeline) => number | undefined): number {
  const grown = (total(span.now) ?? 0) - ((span.before && total(span.before)) ?? 0);
  return Math.max(0, grown) / elapsed(span);
}

/** The same, of an operator. */
export function operatorRate(span: Span, operator: Operator, total: (operator: Operator) => number): number {
  const before = span.before && indexOf(span.before).get(operator.id);
  return Math.max(0, total(operator) - (before ? total(before) : 0)) / elapsed(span);
}

const indices = new WeakMap<Pipeline, Map<number, Operator>>();

/** Operators by their numbers. */
export function indexOf(answer: Pipeline): Map<number, Operator> {
  let index = indices.get(answer);
  if (!index) {
    index = new Map(
      answer.parts.flatMap((part) => part.operators).map((operator) => [operator.id, operator]),
    );
    indices.set(answer, index);
  }
  return index;
}

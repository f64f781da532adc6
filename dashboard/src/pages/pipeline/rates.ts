// What happens each second, by two answers.

import { useRef } from "preact/hooks";
import type { Operator, Pipeline } from "../../api/pipeline";

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
  const answers = useRef<Pipeline[]>([]);
  return now && spanOf(answers.current, now);
}

/** Adds an answer to those before it, and finds the one to compare it with. */
export function spanOf(answers: Pipeline[], now: Pipeline): Span {
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

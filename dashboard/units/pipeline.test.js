// What happens each second, from totals.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.js";

const { elapsed, operatorRate, rate, spanOf } = await load("src/pages/pipeline/rates.ts");
const { busy } = await load("src/pages/pipeline/worker-time.ts");

/** A job of one worker that reads 100 logs a second and is busy a quarter of its time. */
function answer(seconds, { perSecond = 100 } = {}) {
  const operator = { id: 7, seconds: seconds / 8, runs: seconds, records_held: 0 };
  return {
    timestamp: new Date(seconds * 1000).toISOString(),
    intake: { logs: seconds * perSecond },
    workers: [
      {
        worker: 0,
        seconds,
        reading_seconds: seconds / 8,
        operator_seconds: seconds / 8,
        parked_seconds: (seconds * 3) / 4,
        held_back_seconds: 0,
      },
    ],
    parts: [{ name: "a", operators: [operator] }],
  };
}

test("the first answer tells of all time, later ones of the last seconds", () => {
  const answers = [];
  const first = spanOf(answers, answer(1000));
  assert.equal(first.before, undefined);
  assert.equal(
    rate(first, (told) => told.intake.logs),
    100,
  );
  let span = first;
  for (let seconds = 1002; seconds <= 1060; seconds += 2) span = spanOf(answers, answer(seconds));
  assert.equal(elapsed(span), 4);
  assert.equal(
    rate(span, (told) => told.intake.logs),
    100,
  );
  assert.ok(answers.length <= 8);
});

test("an operator's rate is its own", () => {
  const answers = [];
  spanOf(answers, answer(10));
  const span = spanOf(answers, answer(20));
  const [operator] = span.now.parts[0].operators;
  assert.equal(
    operatorRate(span, operator, ({ seconds }) => seconds),
    1 / 8,
  );
});

test("a job that started again is compared with nothing from before", () => {
  const answers = [];
  spanOf(answers, answer(1000));
  spanOf(answers, answer(1004));
  const span = spanOf(answers, answer(3));
  assert.equal(span.before, undefined);
  assert.equal(
    rate(span, (told) => told.intake.logs),
    100,
  );
});

test("the same answer drawn twice is one", () => {
  const answers = [];
  const now = answer(10);
  spanOf(answers, now);
  spanOf(answers, now);
  assert.equal(answers.length, 1);
});

test("a worker's time is told whole", () => {
  const answers = [];
  spanOf(answers, answer(10));
  const [worker] = busy(spanOf(answers, answer(20)));
  assert.equal(worker.busy, 0.25);
  assert.equal(worker.reading + worker.operators + worker.other + worker.parked, 1);
});

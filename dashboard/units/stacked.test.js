// What is stacked adds up.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.js";

const { stack } = await load("src/charts/stack.ts");

test("each series stands on those before it, and the tallest is drawn first", () => {
  const series = [
    { name: "ERROR", color: "fill-error", values: [1, 0, 2] },
    { name: "INFO", color: "fill-info", values: [10, 20, 30] },
  ];
  assert.deepEqual(stack([0, 1, 2], series), [
    [0, 1, 2],
    [11, 20, 32],
    [1, 0, 2],
  ]);
});

test("a series that is too short counts as nothing where it ends", () => {
  const series = [
    { name: "ERROR", color: "fill-error", values: [1] },
    { name: "INFO", color: "fill-info", values: [2, 3] },
  ];
  assert.deepEqual(stack([0, 1], series), [
    [0, 1],
    [3, 3],
    [1, 0],
  ]);
});

// Which messages changed: rates before and during, whatever the order of the rows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.js";

const { compared } = await load("src/api/compared.ts");

const START = Date.parse("2026-01-01T12:00:00Z");
const row = (template, minute, logs, level = "INFO") => ({
  key: ["cart", template],
  window_start: new Date(START + minute * 60_000).toISOString(),
  value: { levels: { [level]: logs } },
});
const textOf = ([, template]) => ({ a: "paid <num>", b: "paid <num>", c: "refused" })[template];

test("templates of one pattern count together, and levels, too", () => {
  const rows = [row("a", -1, 20), row("b", -10, 30), row("a", 0, 8), row("b", 1, 4, "ERROR"), row("c", 0, 6)];
  const expected = [
    { pattern: "paid <num>", during: 6, before: 5 },
    { pattern: "refused", during: 3, before: 0 },
  ];
  assert.deepEqual(compared(rows, START, 2, textOf), expected);
  assert.deepEqual(compared(rows.toReversed(), START, 2, textOf).toReversed(), expected);
});

test("a template without a pattern is left out", () => {
  assert.deepEqual(compared([row("unknown", 0, 9)], START, 1, textOf), []);
});

// Numbers as people read them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.js";

const { bytes, compact, duration, percent, points } = await load("src/parts/numbers.ts");

test("a length of time is told in its two largest units", () => {
  const told = {
    0: "0 s",
    0.25: "250 µs",
    12.34: "12.3 ms",
    999: "999 ms",
    4500: "4.5 s",
    60000: "1 min",
    125000: "2 min 5 s",
    12000000: "3 h 20 min",
    3605000: "1 h",
    180000000: "2 d 2 h",
  };
  for (const [milliseconds, text] of Object.entries(told)) assert.equal(duration(Number(milliseconds)), text);
  assert.equal(duration(-4500), "−4.5 s");
});

test("the parts of a length of time add up to it, less what is too small to be told", () => {
  const sizes = { d: 86_400, h: 3600, min: 60, s: 1 };
  for (let seconds = 60; seconds < 1_000_000; seconds += 3571) {
    const words = duration(seconds * 1000).split(" ");
    let sum = 0;
    for (let at = 0; at < words.length; at += 2) sum += Number(words[at]) * sizes[words[at + 1]];
    const smallest = seconds < 3600 ? 1 : seconds < 86_400 ? 60 : 3600;
    assert.ok(sum <= seconds && seconds - sum < smallest, `${seconds} s told as ${words.join(" ")}`);
  }
});

test("percent have three digits, however small or large they are", () => {
  assert.deepEqual([percent(0.0123), percent(0.123), percent(1.234)], ["1.23 %", "12.3 %", "123 %"]);
  assert.equal(points(0), "0.00 %");
});

test("counts and bytes are short", () => {
  assert.deepEqual([compact(999), compact(12_345), compact(1_234_567)], ["999", "12.3K", "1.23M"]);
  assert.deepEqual(
    [bytes(0), bytes(1023), bytes(1536), bytes(5 * 1024 ** 4)],
    ["0 B", "1,020 B", "1.5 KiB", "5 TiB"],
  );
});

// The page of logs: what its address says, conditions, the words that are marked, and the bars of its histogram.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.js";

const { asked, condition, readState } = await load("src/pages/logs/state.ts");
const { and, is } = await load("src/pages/logs/quote.ts");
const { wordsOf } = await load("src/pages/logs/marked.tsx");
const { allBars } = await load("src/pages/logs/bars.ts");

const state = (text) => readState(new URLSearchParams(text));

test("the address of an API call is one of the page", () => {
  const read = state(
    "query=a+b&service=cart,web&service=x&level=ERROR&start_time=2026-01-01T00:00:00Z&sort=oldest",
  );
  assert.deepEqual(read.services, ["cart", "web", "x"]);
  assert.deepEqual(asked(read), {
    query: "a b",
    service: "cart,web,x",
    level: "ERROR",
    trace_id: "",
    time_range: null,
    start_time: "2026-01-01T00:00:00Z",
    end_time: null,
    sort: "oldest",
  });
});

test("a range that there is not is the usual one, and a tail has no time", () => {
  assert.equal(state("time_range=2y").range, "15m");
  assert.equal(state("time_range=6h&end_time=2026-01-01T00:00:00Z").range, null);
  assert.deepEqual(Object.keys(condition(state("time_range=6h"))), ["query", "service", "level", "trace_id"]);
});

test("values are quoted where they would be something else", () => {
  assert.equal(is("service", "cart-service"), "service:cart-service");
  assert.equal(is("http.path", "/a b"), 'http.path:"/a b"');
  assert.equal(is("said", 'a "b" \\'), 'said:"a \\"b\\" \\\\"');
  assert.equal(is("word", "NOT"), 'word:"NOT"');
});

test("a further condition holds for the whole query", () => {
  assert.equal(and("", "a:1"), "a:1");
  assert.equal(and("*", "a:1"), "a:1");
  assert.equal(and("x y", "a:1"), "x y a:1");
  assert.equal(and("x OR y", "a:1"), "(x OR y) a:1");
});

test("words that messages must have are marked, and no others", () => {
  const marked = {
    "payment failed": ["payment", "failed"],
    '"payment failed" pay*': ["payment failed", "pay"],
    "(timeout OR refused) AND NOT retry": ["timeout", "refused"],
    'service:cart -void -"not this" level:(ERROR OR WARN) gone': ["gone"],
    'http.path:"/a b" 503': ["503"],
    "*": [],
  };
  for (const [query, words] of Object.entries(marked)) assert.deepEqual(wordsOf(query), words, query);
});

test("bars that are empty are there, too, from the time that was asked for", () => {
  const at = (minute) => new Date(minute * 60_000).toISOString();
  const histogram = [
    { start: at(3), count: 5 },
    { start: at(6), count: 1 },
  ];
  const bars = allBars({ histogram, histogram_seconds: 60 }, 60_000, 480_000);
  assert.deepEqual(
    bars.map(({ start, count }) => [start / 60_000, count]),
    [
      [1, 0],
      [2, 0],
      [3, 5],
      [4, 0],
      [5, 0],
      [6, 1],
      [7, 0],
    ],
  );
  assert.deepEqual(allBars({ histogram: [], histogram_seconds: 60 }, 0, 60_000), []);
});

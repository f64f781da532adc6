// Waterfalls and the service graph: what stands where.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.js";

const { placed } = await load("src/pages/traces/tree.ts");
const { BOX, layOut } = await load("src/pages/traces/layout.ts");

const start = "2026-01-01T00:00:00.000Z";
const span = (id, at, duration, parent) => ({
  id,
  service: id,
  start: new Date(Date.parse(start) + at).toISOString(),
  duration_ms: duration,
  level: "INFO",
  parent,
  logs: [],
  inferred: false,
});

test("a span follows the one that it lies in, in its place", () => {
  const spans = [span("a", 0, 100), span("b", 20, 50, "a"), span("d", 60, 40, "a"), span("c", 30, 10, "b")];
  const rows = placed(spans, start, 100);
  assert.deepEqual(
    rows.map(({ span, depth, from, length }) => [span.id, depth, from, length]),
    [
      ["a", 0, 0, 100],
      ["b", 1, 20, 50],
      ["c", 2, 30, 10],
      ["d", 1, 60, 40],
    ],
  );
});

test("whatever spans say, each is shown once within the time of the trace, unless they lie in each other", () => {
  const spans = [span("a", 0, 0, "gone"), span("b", 500, 900), span("c", -50, 10, "b")];
  const rows = placed(spans, start, 100);
  assert.deepEqual(rows.map(({ span }) => span.id).sort(), ["a", "b", "c"]);
  for (const { from, length } of rows)
    assert.ok(from >= 0 && length > 0 && from + length <= 100, `${from} ${length}`);
});

/** Graphs by a generator of numbers that look random, and are the same each time. */
function graphs(count) {
  let seed = 7;
  const next = (below) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  return Array.from({ length: count }, () => {
    const names = Array.from({ length: 1 + next(14) }, (_, at) => `s${at}`);
    const edges = Array.from({ length: next(30) }, () => ({
      caller: names[next(names.length)],
      callee: names[next(names.length)],
    }));
    return { nodes: names.map((service) => ({ service, rate: next(100), error_rate: 0 })), edges };
  });
}

test("services of any graph have places of their own; where nobody calls in circles, callers stand left of the called", () => {
  for (const { nodes, edges } of graphs(300)) {
    const { nodes: places, width, height } = layOut(nodes, edges);
    const linked = new Set(edges.flatMap(({ caller, callee }) => [caller, callee]));
    assert.deepEqual([...places.keys()].sort(), [...linked].sort());
    const all = [...places.values()];
    for (const [at, a] of all.entries()) {
      assert.ok(a.x >= 0 && a.y >= 0 && a.x + BOX.width <= width && a.y + BOX.height <= height);
      for (const b of all.slice(at + 1)) {
        assert.ok(Math.abs(a.x - b.x) >= BOX.width || Math.abs(a.y - b.y) >= BOX.height, "no two overlap");
      }
    }
    const order = edges.filter(({ caller, callee }) => Number(caller.slice(1)) < Number(callee.slice(1)));
    const acyclic = layOut(nodes, order).nodes;
    for (const { caller, callee } of order) assert.ok(acyclic.get(caller).x < acyclic.get(callee).x);
  }
});

// Where services stand in a drawing of who calls whom: callers to the left of those they call.

import type { GraphEdge, GraphNode } from "../../api/traces";

export const BOX = { width: 184, height: 44 };
const GAP = { x: 72, y: 20 };

export interface PlacedNode {
  node: GraphNode;
  x: number;
  y: number;
}

export interface Layout {
  nodes: Map<string, PlacedNode>;
  width: number;
  height: number;
}

/** Services that neither call nor are called have no place in it. */
export function layOut(all: readonly GraphNode[], edges: readonly GraphEdge[]): Layout {
  const linked = new Set(edges.flatMap(({ caller, callee }) => [caller, callee]));
  const nodes = all.filter(({ service }) => linked.has(service));
  const columns = ordered(columnsOf(nodes, edges), edges);
  const tallest = Math.max(...columns.map((column) => column.length), 1);
  const height = tallest * (BOX.height + GAP.y) - GAP.y;
  const placed = new Map<string, PlacedNode>();
  columns.forEach((column, at) => {
    const own = column.length * (BOX.height + GAP.y) - GAP.y;
    column.forEach((node, row) => {
      const y = (height - own) / 2 + row * (BOX.height + GAP.y);
      placed.set(node.service, { node, x: at * (BOX.width + GAP.x), y });
    });
  });
  return { nodes: placed, width: columns.length * (BOX.width + GAP.x) - GAP.x, height };
}

/** Each service one column right of the rightmost that calls it. A call that closes a circle moves nobody. */
function columnsOf(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): GraphNode[][] {
  const called = new Map<string, string[]>();
  for (const { caller, callee } of edges) called.set(caller, [...(called.get(caller) ?? []), callee]);
  const column = new Map<string, number>();
  const above = new Set<string>();
  const visit = (service: string, at: number) => {
    if (above.has(service) || at <= (column.get(service) ?? -1)) return;
    column.set(service, at);
    above.add(service);
    for (const callee of called.get(service) ?? []) visit(callee, at + 1);
    above.delete(service);
  };
  const isCalled = new Set(
    edges.filter(({ caller, callee }) => caller !== callee).map(({ callee }) => callee),
  );
  for (const { service } of nodes) if (!isCalled.has(service)) visit(service, 0);
  // circles that nobody outside calls
  for (const { service } of nodes) if (!column.has(service)) visit(service, 0);
  const columns: GraphNode[][] = [];
  for (const node of nodes) {
    const at = column.get(node.service) ?? 0;
    columns[at] = [...(columns[at] ?? []), node];
  }
  return columns.map((column) => column ?? []);
}

/** Within its column, a service stands near the middle of those that it has to do with: fewer lines cross. */
function ordered(columns: GraphNode[][], edges: readonly GraphEdge[]): GraphNode[][] {
  let sorted = columns.map((column) => [...column].sort((a, b) => b.rate - a.rate));
  for (let round = 0; round < 6; round += 1) {
    const rows = new Map<string, number>();
    for (const column of sorted) {
      for (const [row, node] of column.entries()) rows.set(node.service, row - (column.length - 1) / 2);
    }
    const pull = (service: string): number => {
      const others = edges.flatMap(({ caller, callee }) =>
        caller === service ? [callee] : callee === service ? [caller] : [],
      );
      const sum = others.reduce((all, other) => all + (rows.get(other) ?? 0), 0);
      return others.length ? sum / others.length : 0;
    };
    sorted = sorted.map((column) => {
      const pulls = new Map(column.map((node) => [node.service, pull(node.service)]));
      return [...column].sort((a, b) => (pulls.get(a.service) ?? 0) - (pulls.get(b.service) ?? 0));
    });
  }
  return sorted;
}

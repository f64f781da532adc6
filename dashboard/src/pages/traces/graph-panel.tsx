// Who calls whom: drawn, and as a table.

import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { usePoll } from "../../api/poll";
import { type GraphEdge, type ServiceGraph, serviceGraph } from "../../api/traces";
import { Card } from "../../parts/card";
import { Choice } from "../../parts/choice";
import { Empty, Failure, Skeleton } from "../../parts/empty";
import { compact, duration, percent, points } from "../../parts/numbers";
import { type Column, Table } from "../../parts/table";
import { useChoice, useUrl } from "../../url";
import { Drawing } from "./drawing";

const RANGES = ["1h", "15m", "6h", "24h"] as const;
const IN_ORDER = ["15m", "1h", "6h", "24h"] as const;

export function GraphPanel() {
  const [range, setRange] = useChoice("range", RANGES);
  const { data, error, reload } = usePoll(range, (signal) => serviceGraph(range, signal), 5000);
  const choice = <Choice label="Time range" options={IN_ORDER} value={range} onChange={setRange} />;
  if (error && !data) return <Failure error={error} retry={reload} />;
  if (!data) return <Skeleton lines={10} />;
  return <Shown graph={data} choice={choice} />;
}

function Shown({ graph, choice }: { graph: ServiceGraph; choice: ComponentChildren }) {
  const [params, change] = useUrl();
  const [sort, setSort] = useState("-rate");
  const chosen = params.get("node");
  const edges = useMemo(
    () =>
      chosen
        ? graph.edges.filter(({ caller, callee }) => caller === chosen || callee === chosen)
        : graph.edges,
    [graph, chosen],
  );
  const sampled =
    graph.trace_share < 1 ? `estimated from ${percent(graph.trace_share)} of traces` : "from all traces";
  if (!graph.edges.length) {
    return (
      <Card title="Service graph" actions={choice}>
        <Empty title="No calls are known" icon="traces">
          Calls are read off traces: logs of several services that share a trace id.
        </Empty>
      </Card>
    );
  }
  return (
    <>
      <Card title="Service graph" note={sampled} actions={choice}>
        <Drawing
          graph={graph}
          chosen={chosen}
          onChoose={(service) => change({ node: service === chosen ? null : service })}
        />
        <Alone graph={graph} />
        <p class="graph-key dim">
          Lines are as thick as calls are many; red and dashed where more than 10 % fail. Choose a service to
          see its calls alone.
        </p>
      </Card>
      <Card title={chosen ? `Calls of ${chosen}` : "Calls"} flush>
        <Table
          label="Calls"
          columns={COLUMNS}
          rows={edges}
          keyOf={({ caller, callee }) => `${caller} ${callee}`}
          sort={sort}
          onSort={setSort}
        />
      </Card>
    </>
  );
}

/** Services that neither call nor are called. */
function Alone({ graph: { nodes, edges } }: { graph: ServiceGraph }) {
  const linked = new Set(edges.flatMap(({ caller, callee }) => [caller, callee]));
  const alone = nodes.filter(({ service }) => !linked.has(service));
  if (!alone.length) return null;
  return (
    <p class="graph-alone">
      <span class="dim">No calls:</span>
      {alone.map(({ service }) => (
        <span key={service}>{service}</span>
      ))}
    </p>
  );
}

const COLUMNS: Column<GraphEdge>[] = [
  { name: "caller", title: "Caller", cell: ({ caller }) => caller, sortBy: ({ caller }) => caller },
  { name: "callee", title: "Called", cell: ({ callee }) => callee, sortBy: ({ callee }) => callee },
  {
    name: "rate",
    title: "Calls/min",
    isNumber: true,
    cell: ({ rate }) => compact(rate),
    sortBy: ({ rate }) => rate,
  },
  {
    name: "errors",
    title: "Failed",
    isNumber: true,
    cell: ({ error_rate }) => <span class={error_rate > 10 ? "bad" : ""}>{points(error_rate)}</span>,
    sortBy: ({ error_rate }) => error_rate,
  },
  {
    name: "p50",
    title: "p50",
    isNumber: true,
    isMinor: true,
    cell: ({ latency_p50_ms: latency }) => (latency === null ? "–" : duration(latency)),
    sortBy: ({ latency_p50_ms }) => latency_p50_ms ?? 0,
  },
  {
    name: "p95",
    title: "p95",
    isNumber: true,
    isMinor: true,
    cell: ({ latency_p95_ms: latency }) => (latency === null ? "–" : duration(latency)),
    sortBy: ({ latency_p95_ms }) => latency_p95_ms ?? 0,
  },
];

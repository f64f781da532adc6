// What operators hold in memory: the largest arrangements first.

import type { Operator } from "../../api/pipeline";
import { Empty } from "../../parts/empty";
import { bytes, compact, count, percent } from "../../parts/numbers";
import { type Column, Table } from "../../parts/table";
import { nameOf } from "./queries";
import { elapsed, indexOf, type Span } from "./rates";
import { Share } from "./share";

const MOST = 12;

interface Row {
  operator: Operator;
  query: string;
  growth: number;
}

export function Arrangements({ span }: { span: Span }) {
  const before = span.before && indexOf(span.before);
  const all = span.now.parts.flatMap((part) =>
    part.operators
      .filter((operator) => operator.records_held > 0 || operator.records_waiting > 0)
      .map((operator): Row => {
        const held = before?.get(operator.id)?.records_held ?? operator.records_held;
        return { operator, query: nameOf(part), growth: (operator.records_held - held) / elapsed(span) };
      }),
  );
  const total = all.reduce((sum, { operator }) => sum + operator.records_held, 0);
  const rows = all.sort((a, b) => b.operator.records_held - a.operator.records_held).slice(0, MOST);
  const largest = rows[0]?.operator.records_held ?? 0;
  if (!rows.length) return <Empty title="Nothing is held yet" />;
  const columns: Column<Row>[] = [
    {
      name: "operator",
      title: "Arrangement",
      cell: ({ operator }) => (
        <>
          {operator.name} <span class="dim mono">{operator.id}</span>
        </>
      ),
    },
    { name: "query", title: "Query", cell: ({ query }) => query, isMinor: true },
    { name: "held", title: "Records", cell: ({ operator }) => count(operator.records_held), isNumber: true },
    {
      name: "share",
      title: "Of all",
      cell: ({ operator }) => (
        <Share part={operator.records_held / Math.max(1, total)} most={largest / Math.max(1, total)} />
      ),
      isNumber: true,
    },
    {
      name: "growth",
      title: "Change/s",
      cell: ({ growth }) => signed(growth),
      isNumber: true,
      isMinor: true,
    },
    {
      name: "waiting",
      title: "Waiting",
      cell: ({ operator }) =>
        operator.records_waiting > 0
          ? `${compact(operator.records_waiting)} (${bytes(Math.max(0, operator.bytes_waiting))})`
          : "0",
      isNumber: true,
      isMinor: true,
    },
    { name: "skew", title: "Largest part", cell: ({ operator }) => skew(operator), isMinor: true },
  ];
  if (span.now.workers.length < 2) columns.pop();
  return (
    <Table label="Arrangements" columns={columns} rows={rows} keyOf={({ operator }) => String(operator.id)} />
  );
}

function signed(value: number): string {
  if (Math.abs(value) < 0.05) return "0";
  return value > 0 ? `+${compact(value)}` : `−${compact(-value)}`;
}

/** The worker that holds most, and how much of it. */
function skew(operator: Operator): string {
  const most = Math.max(...operator.held_by_worker);
  if (operator.records_held <= 0) return "–";
  return `worker ${operator.held_by_worker.indexOf(most)}: ${percent(most / operator.records_held)}`;
}

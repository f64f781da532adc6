// Which query costs what: the sum of its operators.

import type { Part } from "../../api/pipeline";
import { compact, count } from "../../parts/numbers";
import { type Column, Table } from "../../parts/table";
import { useUrl } from "../../url";
import { operatorRate, type Span } from "./rates";
import { Share } from "./share";

interface QueryCost {
  name: string;
  /** Of the time of one worker. */
  share: number;
  held: number;
  operators: number;
  slowest: string;
}

/** What the operators are called that belong to no query. */
export const ENGINE = "engine";

export function nameOf(part: Part): string {
  return part.name ?? ENGINE;
}

export function Queries({ span }: { span: Span }) {
  const [params, change] = useUrl();
  const chosen = params.get("query");
  const costs = span.now.parts.map((part) => cost(span, part));
  const most = Math.max(0, ...costs.map(({ share }) => share));
  const columns: Column<QueryCost>[] = [
    {
      name: "name",
      title: "Query",
      cell: ({ name }) => (
        <button
          type="button"
          class="link"
          aria-pressed={name === chosen}
          onClick={() => change({ query: name === chosen ? null : name })}
        >
          {name}
        </button>
      ),
      sortBy: ({ name }) => name,
    },
    {
      name: "share",
      title: "Time",
      cell: ({ share }) => <Share part={share} most={most} />,
      isNumber: true,
      sortBy: (row) => row.share,
    },
    {
      name: "held",
      title: "Records held",
      cell: ({ held }) => compact(held),
      isNumber: true,
      sortBy: (row) => row.held,
    },
    {
      name: "operators",
      title: "Operators",
      cell: ({ operators }) => count(operators),
      isNumber: true,
      isMinor: true,
      sortBy: (row) => row.operators,
    },
    { name: "slowest", title: "Slowest", cell: ({ slowest }) => slowest, isMinor: true },
  ];
  return (
    <Table
      label="Queries"
      columns={columns}
      rows={costs}
      keyOf={({ name }) => name}
      sort={params.get("queries") ?? "-share"}
      onSort={(sort) => change({ queries: sort })}
      rowClass={({ name }) => (name === chosen ? "chosen" : undefined)}
    />
  );
}

function cost(span: Span, part: Part): QueryCost {
  const rated = part.operators.map((operator) => ({
    operator,
    share: operatorRate(span, operator, ({ seconds }) => seconds),
  }));
  const slowest = rated.reduce<(typeof rated)[number] | undefined>(
    (most, one) => (!most || one.share > most.share ? one : most),
    undefined,
  );
  return {
    name: nameOf(part),
    share: rated.reduce((sum, { share }) => sum + share, 0) / Math.max(1, span.now.workers.length),
    held: part.operators.reduce((sum, operator) => sum + operator.records_held, 0),
    operators: part.operators.length,
    slowest: slowest && slowest.share > 0 ? slowest.operator.name : "–",
  };
}

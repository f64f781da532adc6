// Operators: what each costs and takes, of all queries or of one.

import type { Operator } from "../../api/pipeline";
import { Card } from "../../parts/card";
import { Empty } from "../../parts/empty";
import { compact, count, duration } from "../../parts/numbers";
import { type Column, sorted, Table } from "../../parts/table";
import { useUrl } from "../../url";
import { about } from "./about";
import { nameOf } from "./queries";
import { indexOf, operatorRate, type Span } from "./rates";
import { Share } from "./share";

interface Row {
  operator: Operator;
  query: string;
  share: number;
  runs: number;
  taken: number;
  given: number;
}

/** Rows that are shown where nobody asked for all. */
const FEW = 15;

export function Operators({ span }: { span: Span }) {
  const [params, change] = useUrl();
  const query = params.get("query") ?? "";
  const showsAll = params.get("operators") === "all";
  const names = span.now.parts.map(nameOf);
  const rows = span.now.parts
    .filter((part) => !query || nameOf(part) === query)
    .flatMap((part) => part.operators.map((operator) => row(span, operator, nameOf(part))));
  const sort = params.get("sort") ?? "-share";
  const columns = columnsOf(span, Math.max(0, ...rows.map(({ share }) => share)));
  const shown = showsAll ? rows : sorted(rows, columns, sort).slice(0, FEW);
  return (
    <Card
      title="Operators"
      note={showsAll || rows.length <= FEW ? count(rows.length) : `${FEW} of ${count(rows.length)}`}
      flush
      actions={
        <>
          <select
            class="inline"
            aria-label="Of which query"
            value={query}
            onChange={(event) => change({ query: event.currentTarget.value })}
          >
            <option value="">All queries</option>
            {names.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
          <button
            type="button"
            aria-pressed={showsAll}
            onClick={() => change({ operators: showsAll ? null : "all" })}
          >
            {showsAll ? `Only ${FEW}` : "Show all"}
          </button>
        </>
      }
    >
      {rows.length ? (
        <Table
          label="Operators"
          columns={columns}
          rows={shown}
          keyOf={({ operator }) => String(operator.id)}
          sort={sort}
          onSort={(sort) => change({ sort })}
        />
      ) : (
        <Empty title="No operator has reported yet">Workers report once a second.</Empty>
      )}
    </Card>
  );
}

function row(span: Span, operator: Operator, query: string): Row {
  const rate = (total: (operator: Operator) => number) => operatorRate(span, operator, total);
  return {
    operator,
    query,
    share: rate(({ seconds }) => seconds) / Math.max(1, span.now.workers.length),
    runs: rate(({ runs }) => runs),
    taken: rate(({ records_in }) => records_in),
    given: rate(({ records_out }) => records_out),
  };
}

function columnsOf(span: Span, most: number): Column<Row>[] {
  const index = indexOf(span.now);
  const perRun = ({ operator }: Row) => (operator.runs ? (operator.seconds / operator.runs) * 1000 : 0);
  const number = (name: string, title: string, of: (row: Row) => number, shown = compact): Column<Row> => ({
    name,
    title,
    cell: (row) => (of(row) ? shown(of(row)) : <span class="dim">0</span>),
    isNumber: true,
    sortBy: of,
  });
  return [
    {
      name: "operator",
      title: "Operator",
      cell: ({ operator }) => (
        <span title={about(operator.name)}>
          {operator.name} <span class="dim mono">{operator.id}</span>
        </span>
      ),
      sortBy: ({ operator }) => operator.id,
    },
    {
      name: "query",
      title: "Query",
      cell: ({ query }) => query,
      isMinor: true,
      sortBy: ({ query }) => query,
    },
    {
      name: "share",
      title: "Time",
      cell: ({ share }) => <Share part={share} most={most} />,
      isNumber: true,
      sortBy: (row) => row.share,
    },
    { ...number("per-run", "Per run", perRun, duration), isMinor: true },
    { ...number("runs", "Runs/s", (row) => row.runs), isMinor: true },
    number("taken", "In/s", (row) => row.taken),
    { ...number("given", "Out/s", (row) => row.given), isMinor: true },
    number("held", "Held", ({ operator }) => operator.records_held),
    { ...number("waiting", "Waiting", ({ operator }) => operator.records_waiting), isMinor: true },
    {
      name: "inputs",
      title: "From",
      cell: ({ operator }) => (
        <span class="mono dim">
          {operator.inputs
            .map(({ from }) => `${index.get(from)?.name ?? ""} ${from}`.trim())
            .slice(0, 3)
            .join(", ") || "–"}
          {operator.inputs.length > 3 && ` and ${operator.inputs.length - 3} more`}
        </span>
      ),
      isMinor: true,
    },
  ];
}

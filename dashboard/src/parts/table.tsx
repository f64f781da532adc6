// A table: columns say how a row is shown, and by what it can be sorted.

import type { ComponentChildren } from "preact";
import { Icon } from "./icon";

export interface Column<R> {
  name: string;
  title: string;
  cell: (row: R) => ComponentChildren;
  /** Numbers stand at the right. */
  isNumber?: boolean;
  /** Left out on phones. */
  isMinor?: boolean;
  /** What a click on the heading sorts by. */
  sortBy?: (row: R) => number | string;
}

export interface TableProps<R> {
  /** What the table is, for whoever cannot see it. */
  label: string;
  /** The first one's cells name their rows. */
  columns: readonly Column<R>[];
  rows: readonly R[];
  keyOf: (row: R) => string;
  /** Sorted by which column: its name, with a `-` in front where the largest comes first. */
  sort?: string;
  onSort?: (sort: string) => void;
  rowClass?: (row: R) => string | undefined;
}

export function Table<R>({ label, columns, rows, keyOf, sort, onSort, rowClass }: TableProps<R>) {
  const shown = sorted(rows, columns, sort);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
    <section class="table-scroll" tabIndex={0} aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <Heading key={column.name} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={keyOf(row)} class={rowClass?.(row)}>
              {columns.map((column, index) => {
                const of = classOf(column);
                return index === 0 ? (
                  <th scope="row" key={column.name} class={of}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.name} class={of}>
                    {column.cell(row)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface HeadingProps<R> {
  column: Column<R>;
  sort: string | undefined;
  onSort: ((sort: string) => void) | undefined;
}

function Heading<R>({ column, sort, onSort }: HeadingProps<R>) {
  const falling = sort === `-${column.name}`;
  const rising = sort === column.name;
  if (!column.sortBy || !onSort) {
    return (
      <th scope="col" class={classOf(column)}>
        {column.title}
      </th>
    );
  }
  const next = column.isNumber
    ? falling
      ? column.name
      : `-${column.name}`
    : rising
      ? `-${column.name}`
      : column.name;
  return (
    <th
      scope="col"
      class={classOf(column)}
      aria-sort={falling ? "descending" : rising ? "ascending" : "none"}
    >
      <button type="button" class="sort" onClick={() => onSort(next)}>
        {column.title}
        {(falling || rising) && <Icon name={falling ? "down" : "up"} />}
      </button>
    </th>
  );
}

function classOf<R>(column: Column<R>): string {
  return `${column.isNumber ? "number" : ""} ${column.isMinor ? "minor" : ""}`.trim();
}

/** The rows in the order of a sort. */
export function sorted<R>(
  rows: readonly R[],
  columns: readonly Column<R>[],
  sort: string | undefined,
): readonly R[] {
  if (!sort) return rows;
  const falling = sort.startsWith("-");
  const by = columns.find((column) => column.name === sort.replace(/^-/, ""))?.sortBy;
  if (!by) return rows;
  const compare = (a: R, b: R) => {
    const [left, right] = [by(a), by(b)];
    if (left === right) return 0;
    return left < right ? -1 : 1;
  };
  return [...rows].sort((a, b) => (falling ? compare(b, a) : compare(a, b)));
}

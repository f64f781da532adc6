// Partitions: how far each is read, and whether it holds the watermark back.

import type { Partition } from "../../api/pipeline";
import { Status } from "../../parts/badge";
import { Empty } from "../../parts/empty";
import { compact, count, duration } from "../../parts/numbers";
import { type Column, Table } from "../../parts/table";
import { Time } from "../../parts/time";
import { useUrl } from "../../url";
import { elapsed, type Span } from "./rates";

export function Sources({ span }: { span: Span }) {
  const [params, change] = useUrl();
  const { sources } = span.now;
  if (!sources.length) return <Empty title="No partition has been read yet" />;
  const speed = (read: Partition) => {
    const before = span.before?.sources.find(
      (old) => old.source === read.source && old.partition === read.partition,
    );
    if (!isCountable(read.next_offset) || before?.next_offset == null) return undefined;
    return (read.next_offset - before.next_offset) / elapsed(span);
  };
  const slowest = sources.reduce<string | null>(
    (least, { pace, watermark }) =>
      pace === "active" && watermark && (!least || watermark < least) ? watermark : least,
    null,
  );
  const columns: Column<Partition>[] = [
    {
      name: "source",
      title: "Source",
      cell: (read) => (
        <>
          {read.source} <span class="dim mono">{read.partition}</span>
        </>
      ),
      sortBy: (read) => `${read.source} ${String(read.partition).padStart(6, "0")}`,
    },
    {
      name: "pace",
      title: "Pace",
      cell: (read) => <Status tone={read.pace === "active" ? "good" : "plain"}>{read.pace}</Status>,
      sortBy: ({ pace }) => pace,
    },
    {
      name: "lag",
      title: "Lag",
      cell: ({ lag }) => (lag === null ? <span class="dim">not known</span> : count(lag)),
      isNumber: true,
      sortBy: ({ lag }) => lag ?? -1,
    },
    {
      name: "delay",
      title: "Watermark behind",
      cell: ({ delay_seconds: delay, watermark, pace }) =>
        delay === null ? (
          "–"
        ) : (
          <span class={pace === "active" && watermark === slowest && sources.length > 1 ? "warn" : undefined}>
            {duration(delay * 1000)}
            {pace === "active" && watermark === slowest && sources.length > 1 && " (holds it back)"}
          </span>
        ),
      isNumber: true,
      sortBy: (read) => read.delay_seconds ?? -1,
    },
    {
      name: "newest",
      title: "Newest log",
      cell: ({ newest }) => (newest ? <Time at={newest} /> : "–"),
      isMinor: true,
      sortBy: ({ newest }) => newest ?? "",
    },
    {
      name: "position",
      title: "Position",
      cell: (read) => (isCountable(read.next_offset) ? count(read.next_offset) : "–"),
      isNumber: true,
      isMinor: true,
    },
    {
      name: "speed",
      title: "Steps/s",
      cell: (read) => {
        const now = speed(read);
        return now === undefined ? "–" : compact(now);
      },
      isNumber: true,
      isMinor: true,
      sortBy: (read) => speed(read) ?? 0,
    },
    { name: "worker", title: "Worker", cell: ({ worker }) => worker, isNumber: true, isMinor: true },
  ];
  return (
    <Table
      label="Sources by partition"
      columns={columns}
      rows={sources}
      keyOf={(read) => `${read.source} ${read.partition}`}
      sort={params.get("sources") ?? "source"}
      onSort={(sort) => change({ sources: sort })}
    />
  );
}

/** Whether a position is a number of steps: made-up logs have positions that are none. */
function isCountable(position: number | null): position is number {
  return position !== null && Number.isSafeInteger(position);
}

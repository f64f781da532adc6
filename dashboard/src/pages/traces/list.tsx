// The traces of the newest logs, a page at a time.

import { useEffect, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { asApiError, usePoll } from "../../api/poll";
import { searchTraces, type TraceList, type TraceSummary } from "../../api/traces";
import { Card } from "../../parts/card";
import { Empty, Failure, Skeleton } from "../../parts/empty";
import { duration } from "../../parts/numbers";
import { Select, ServiceSelect } from "../../parts/select";
import { type Column, Table } from "../../parts/table";
import { address, useUrl } from "../../url";
import { LogTime } from "../logs/log-time";

const PAGE = 30;
const DURATIONS = ["50ms", "100ms", "500ms", "1s", "5s"] as const;

export function TraceListPanel() {
  const [params] = useUrl();
  const query = {
    service: params.get("service"),
    min_duration: params.get("min_duration"),
    errors: params.get("errors"),
    query: params.get("query"),
  };
  const key = JSON.stringify(query);
  const { data, error, reload } = usePoll(
    key,
    (signal) => searchTraces({ ...query, limit: PAGE }, signal),
    0,
  );
  return (
    <Card title="Newest traces" flush actions={<Wanted reload={reload} />}>
      {error ? (
        <Failure error={error} retry={reload} />
      ) : !data ? (
        <Waiting />
      ) : (
        <Pages key={key} first={data} query={query} />
      )}
    </Card>
  );
}

function Waiting() {
  return (
    <div class="traces-waiting">
      <Skeleton lines={8} />
    </div>
  );
}

/** Which traces. */
function Wanted({ reload }: { reload: () => void }) {
  const [params, change] = useUrl();
  return (
    <>
      <ServiceSelect value={params.get("service") ?? ""} onChange={(service) => change({ service })} />
      <Select
        label="Least duration"
        all="However long"
        value={params.get("min_duration") ?? ""}
        onChange={(length) => change({ min_duration: length })}
        options={DURATIONS.map((length) => ({ value: length, title: `${length} and more` }))}
      />
      <label class="traces-errors">
        <input
          type="checkbox"
          checked={params.get("errors") === "true"}
          onChange={(event) => change({ errors: event.currentTarget.checked ? "true" : null })}
        />
        With errors
      </label>
      <ById />
      <button type="button" onClick={reload}>
        Refresh
      </button>
    </>
  );
}

/** Straight to a trace whose id somebody has. */
function ById() {
  const [, change] = useUrl();
  const [id, setId] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (id.trim()) change({ trace: id.trim() }, { push: true });
      }}
    >
      <input
        class="mono traces-id"
        aria-label="Trace id"
        placeholder="Trace id"
        value={id}
        onInput={(event) => setId(event.currentTarget.value)}
      />
    </form>
  );
}

function Pages({ first, query }: { first: TraceList; query: Record<string, string | null> }) {
  const [list, setList] = useState(first);
  const [failed, setFailed] = useState("");
  const [isBusy, setBusy] = useState(false);
  useEffect(() => setList(first), [first]);
  const more = async () => {
    setBusy(true);
    try {
      const next = await searchTraces({ ...query, limit: PAGE, cursor: list.next_cursor });
      setList({ ...next, traces: [...list.traces, ...next.traces] });
      setFailed("");
    } catch (why) {
      setFailed(asApiError(why).message);
    }
    setBusy(false);
  };
  if (!list.traces.length && !list.next_cursor) {
    return (
      <Empty title="No trace fits" icon="traces">
        Traces are put together from logs that have a trace id. Take any duration, and all services.
      </Empty>
    );
  }
  const longest = Math.max(...list.traces.map((trace) => trace.duration_ms), 1);
  return (
    <>
      <Table label="Traces" columns={columns(longest)} rows={list.traces} keyOf={(trace) => trace.trace_id} />
      {list.next_cursor && (
        <div class="traces-more">
          <button type="button" disabled={isBusy} onClick={more}>
            Older traces
          </button>
          {failed && (
            <span class="bad" role="alert">
              {failed}
            </span>
          )}
        </div>
      )}
    </>
  );
}

function columns(longest: number): Column<TraceSummary>[] {
  return [
    {
      name: "root",
      title: "Begins in",
      cell: (trace) => <Link href={address("/traces", { trace: trace.trace_id })}>{trace.root}</Link>,
    },
    { name: "start", title: "When", cell: (trace) => <LogTime at={trace.start} /> },
    {
      name: "duration",
      title: "Duration",
      cell: (trace) => (
        <span class="trace-length">
          <span class="trace-length-text">{duration(trace.duration_ms)}</span>
          <span class="trace-length-bar" aria-hidden="true">
            <span style={{ width: `${Math.max(0.5, (100 * trace.duration_ms) / longest)}%` }} />
          </span>
        </span>
      ),
    },
    {
      name: "errors",
      title: "Errors",
      isNumber: true,
      cell: (trace) => (trace.errors ? <b class="bad">{trace.errors}</b> : <span class="dim">0</span>),
    },
    { name: "logs", title: "Logs", isNumber: true, isMinor: true, cell: (trace) => trace.logs },
    {
      name: "services",
      title: "Services",
      isMinor: true,
      cell: (trace) => <span class="trace-services dim">{trace.services.join(", ")}</span>,
    },
    {
      name: "id",
      title: "Id",
      isMinor: true,
      cell: (trace) => <span class="mono dim">{trace.trace_id.slice(0, 12)}</span>,
    },
  ];
}

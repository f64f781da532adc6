// What a search found: how many when, and each of them.

import type { Log } from "../../api/logs";
import { Empty, Failure, Skeleton } from "../../parts/empty";
import { Icon } from "../../parts/icon";
import { count } from "../../parts/numbers";
import { Histogram } from "./histogram";
import { LogList } from "./list";
import type { Searching } from "./search";
import type { Change, LogState } from "./state";

export interface ResultsProps {
  state: LogState;
  change: (change: Change) => void;
  search: Searching;
  words: readonly string[];
  open: string | null;
  onOpen: (log: Log) => void;
}

export function Results({ state, change, search, words, open, onOpen }: ResultsProps) {
  const { found, error, isBusy, more, again } = search;
  // what is wrong with a query is said beside the query
  if (error && error.status !== 400 && !found) return <Failure error={error} retry={again} />;
  if (!found) return error ? null : <Skeleton lines={12} />;
  const [from, to] = span(state, found.at);
  const choose = (from: number, to: number) => {
    change({ range: null, from: new Date(from).toISOString(), to: new Date(to).toISOString() });
  };
  return (
    <section class={isBusy ? "log-panel log-busy" : "log-panel"} aria-label="Logs found">
      {found.aggregations && <Histogram found={found.aggregations} from={from} to={to} onChoose={choose} />}
      <div class="log-bar">
        <p role="status">
          <b>{count(found.total)}</b> {found.total === 1 ? "log" : "logs"}
          <span class="dim"> in {Math.max(1, Math.round(found.milliseconds))} ms</span>
        </p>
        <button type="button" class="quiet" onClick={() => change({ oldestFirst: !state.oldestFirst })}>
          <Icon name={state.oldestFirst ? "up" : "down"} />
          {state.oldestFirst ? "Oldest first" : "Newest first"}
        </button>
        <button type="button" class="quiet" onClick={again}>
          Refresh
        </button>
      </div>
      {found.logs.length > 0 ? (
        <LogList label="Logs" logs={found.logs} words={words} open={open} onOpen={onOpen} onEnd={more} />
      ) : (
        <Empty title="No log fits" icon="search">
          Take a longer time, fewer words, or fewer filters.
        </Empty>
      )}
    </section>
  );
}

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What time was asked for, in milliseconds. */
function span({ range, from, to }: LogState, now: number): [number | null, number | null] {
  if (!range) return [from ? Date.parse(from) : null, to ? Date.parse(to) : null];
  const length = Number.parseInt(range, 10) * (UNITS[range.slice(-1)] ?? 0);
  return [now - length, now];
}

// Logs that have come: a page at a time, the next when somebody gets there.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { ApiError, Query } from "../../api/client";
import { type Aggregations, type Log, searchLogs } from "../../api/logs";
import { asApiError } from "../../api/poll";

const PAGE = 200;

export interface Search {
  logs: readonly Log[];
  total: number;
  aggregations: Aggregations | undefined;
  milliseconds: number;
  /** When it was asked. */
  at: number;
}

export interface Searching {
  /** The newest answer; stays until there is the next. */
  found: Search | undefined;
  error: ApiError | undefined;
  isBusy: boolean;
  /** Asks for the next page, where there is one. */
  more: () => void;
  /** Asks anew. */
  again: () => void;
}

/** Searches where `query` is there; its values, not its identity, decide when to search anew. */
export function useSearch(query: Query | null): Searching {
  const [found, setFound] = useState<Search>();
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  const [turn, setTurn] = useState(0);
  const next = useRef<string | null>(null);
  const end = useRef(new AbortController());
  const key = JSON.stringify(query);

  const load = useCallback(
    async (cursor: string | null) => {
      const { signal } = end.current;
      setBusy(true);
      try {
        const at = Date.now();
        const page = await searchLogs({ ...(JSON.parse(key) as Query), limit: PAGE, cursor }, signal);
        if (signal.aborted) return;
        next.current = page.next_cursor;
        setError(undefined);
        setFound((before) => {
          if (cursor && before) return { ...before, logs: [...before.logs, ...page.logs] };
          const { total, logs, aggregations, query_time_ms: milliseconds } = page;
          return { logs, total, aggregations, milliseconds, at };
        });
      } catch (why) {
        if (!signal.aborted) setError(asApiError(why));
      }
      if (!signal.aborted) setBusy(false);
    },
    [key],
  );

  useEffect(() => {
    end.current = new AbortController();
    next.current = null;
    if (key !== "null") void load(null);
    return () => end.current.abort();
  }, [key, load, turn]);

  const more = useCallback(() => {
    const cursor = next.current;
    next.current = null; // one at a time
    if (cursor) void load(cursor);
  }, [load]);
  const again = useCallback(() => setTurn((before) => before + 1), []);
  return { found, error, isBusy, more, again };
}

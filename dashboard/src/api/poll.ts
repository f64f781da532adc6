// Asking again and again: while the page is seen, no faster than the job allows, and never twice at once.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { pause, whenSeen } from "../frame";
import { ApiError } from "./client";

export interface Loaded<T> {
  /** The newest answer; what was asked before stays until there is one. */
  data: T | undefined;
  /** Why the last try failed; gone with the next answer. */
  error: ApiError | undefined;
  /** Asks now. */
  reload: () => void;
}

/**
 * Calls `load` at once, then `every` so many milliseconds (0: once). A change of `key` starts anew; null asks nothing.
 */
export function usePoll<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  every: number,
): Loaded<T> {
  const [state, setState] = useState<{ data?: T; error?: ApiError }>({});
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(() => setTurn((before) => before + 1), []);

  useEffect(() => {
    if (key === null) return;
    const end = new AbortController();
    void ask(end.signal);
    return () => end.abort();

    async function ask(signal: AbortSignal) {
      while (!signal.aborted) {
        let wait = every;
        try {
          const data = await latest.current(signal);
          if (!signal.aborted) setState({ data });
        } catch (error) {
          if (signal.aborted) return;
          const failure = asApiError(error);
          setState(({ data }) => ({ ...(data !== undefined && { data }), error: failure }));
          wait = Math.max(every && every * 2, (failure.retryAfter ?? 0) * 1000);
        }
        if (!wait) return;
        await pause(wait, signal);
        await whenSeen(signal);
      }
    }
  }, [key, every, turn]);

  return { data: state.data, error: state.error, reload };
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(-1, { title: "The page failed", detail: String(error) });
}

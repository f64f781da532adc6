// Logs as they come, and the last that came before: the newest some thousand. Nothing is drawn per log, only per frame,
// and only what is seen.

import { useEffect, useRef, useState } from "preact/hooks";
import type { ApiError, Query } from "../../api/client";
import { type Log, tailPath } from "../../api/logs";
import { asApiError } from "../../api/poll";
import { openStream, type StreamState } from "../../api/stream";
import { perFrame } from "../../frame";

/** Logs that are kept; older ones go. */
const KEPT = 5000;
/** Milliseconds between drawings: nobody reads more than five screens a second, and each costs as much as it shows. */
const APART = 200;

export interface Tail {
  logs: readonly Log[];
  /** How many logs have come before the first of them. */
  before: number;
  /** How many have come since it is held. */
  waiting: number;
  /** How many did not come, for there were too many at once. */
  missed: number;
  /** Whether it is known what came before. */
  hasBegun: boolean;
  state: StreamState;
  error: ApiError | undefined;
}

const NOTHING: Tail = {
  logs: [],
  before: 0,
  waiting: 0,
  missed: 0,
  hasBegun: false,
  state: "connecting",
  error: undefined,
};

/** Follows the logs that meet a condition. While it is held, what is shown stays, and what comes is collected. */
export function useTail(condition: Query, isHeld: boolean): Tail {
  const path = tailPath(condition);
  const [tail, setTail] = useState(NOTHING);
  const held = useRef(isHeld);
  const show = useRef<() => void>();

  useEffect(() => {
    held.current = isHeld;
    show.current?.();
  }, [isHeld]);

  useEffect(() => {
    let logs: Log[] = [];
    let known = new Set<string>();
    let [received, missed] = [0, 0];
    let hasBegun = false;
    let state: StreamState = "connecting";
    let error: ApiError | undefined;
    const draw = perFrame(() => {
      setTail((shown) => {
        const news = { missed, hasBegun, state, error };
        const last = shown.before + shown.logs.length;
        if (held.current && shown !== NOTHING) return { ...shown, ...news, waiting: received - last };
        const kept = logs.slice(-KEPT);
        return { logs: kept, before: received - kept.length, waiting: 0, ...news };
      });
    }, APART);
    show.current = draw;
    setTail(NOTHING);
    const close = openStream(path, {
      onState: (now, why) => {
        [state, error] = [now, why];
        // after a break the tail begins with what was before, some of which has come
        if (now === "connecting") known = new Set(logs.map(({ id }) => id));
        draw();
      },
      onEvent: ({ event, data }) => {
        try {
          const message = JSON.parse(data) as { logs?: Log[]; missed?: number };
          if (event === "lagged") missed += message.missed ?? 0;
          const news = (message.logs ?? []).filter(({ id }) => !known.has(id));
          logs.push(...news);
          received += news.length;
          hasBegun = true;
          // not with each log: what goes is moved once per so many
          if (logs.length > 2 * KEPT) logs = logs.slice(-KEPT);
        } catch (why) {
          error = asApiError(why);
        }
        draw();
      },
    });
    return () => {
      close();
      draw.cancel();
    };
  }, [path]);

  return tail;
}

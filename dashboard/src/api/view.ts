// A small view, kept as it changes: its snapshot first, then what each epoch took away and added.

import { useEffect, useState } from "preact/hooks";
import { perFrame } from "../frame";
import { type ApiError, apiPath } from "./client";
import { openStream, type StreamState } from "./stream";

export interface Row<V> {
  key: unknown;
  window_start?: string;
  value: V;
}

interface Message<V> {
  epoch: number;
  snapshot?: boolean;
  more?: boolean;
  changes: (Row<V> & { diff: 1 | -1 })[];
}

export interface LiveView<V> {
  rows: Row<V>[];
  /** Whether the whole of the view has come. */
  complete: boolean;
  state: StreamState;
  error: ApiError | undefined;
}

/** The rows of a view, new in each frame in which they changed. */
export function useView<V>(name: string): LiveView<V> {
  const [live, setLive] = useState<LiveView<V>>({
    rows: [],
    complete: false,
    state: "connecting",
    error: undefined,
  });
  useEffect(() => {
    const rows = new Map<string, Row<V>>();
    let complete = false;
    let inSnapshot = false;
    let state: StreamState = "connecting";
    let error: ApiError | undefined;
    const show = perFrame(() => setLive({ rows: [...rows.values()], complete, state, error }));
    const close = openStream(apiPath(`/views/${encodeURIComponent(name)}/changes`), {
      pauseWhenHidden: true,
      onState: (now, why) => {
        state = now;
        error = why;
        // a snapshot that broke off begins anew
        if (now === "connecting") inSnapshot = false;
        show();
      },
      onEvent: ({ event, data }) => {
        if (event === "closed") return;
        const message = JSON.parse(data) as Message<V>;
        if (message.snapshot && !inSnapshot) rows.clear();
        inSnapshot = Boolean(message.snapshot && message.more);
        // what an epoch takes away comes before what it adds, or a row that changed would vanish
        for (const change of message.changes) if (change.diff < 0) rows.delete(place(change));
        for (const change of message.changes) if (change.diff > 0) rows.set(place(change), change);
        complete = complete || !inSnapshot;
        show();
      },
    });
    return () => {
      close();
      show.cancel();
    };
  }, [name]);
  return live;
}

function place(row: { key: unknown; window_start?: string }): string {
  return `${JSON.stringify(row.key)} ${row.window_start ?? ""}`;
}

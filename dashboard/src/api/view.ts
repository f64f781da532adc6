// A small view, kept as it changes: its snapshot first, then what each epoch took away and added. However many parts of
// the page look at a view, one stream brings it: a browser has few connections to give.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { perFrame } from "../frame";
import { type ApiError, apiPath } from "./client";
import { openStream, type StreamState } from "./stream";

export interface Row<V> {
  key: unknown;
  window_start?: string;
  value: V;
}

interface Message {
  epoch: number;
  snapshot?: boolean;
  more?: boolean;
  changes: (Row<unknown> & { diff: 1 | -1 })[];
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
  const view = useMemo(() => viewNamed(name), [name]);
  useEffect(() => {
    view.attach();
    return () => view.detach();
  }, [view]);
  return (view.live as ReadonlySignal<LiveView<V>>).value;
}

const views = new Map<string, View>();

function viewNamed(name: string): View {
  const known = views.get(name) ?? new View(name);
  views.set(name, known);
  return known;
}

const NOTHING: LiveView<unknown> = { rows: [], complete: false, state: "connecting", error: undefined };

/** A view that somebody looks at, or did a moment ago. */
class View {
  readonly live: Signal<LiveView<unknown>> = signal(NOTHING);
  readonly #name: string;
  readonly #rows = new Map<string, Row<unknown>>();
  readonly #show = perFrame(() => this.#tell());
  #watchers = 0;
  #close: (() => void) | undefined;
  #complete = false;
  #inSnapshot = false;
  #state: StreamState = "connecting";
  #error: ApiError | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  attach(): void {
    this.#watchers += 1;
    this.#close ??= openStream(apiPath(`/views/${encodeURIComponent(this.#name)}/changes`), {
      pauseWhenHidden: true,
      onState: (state, error) => this.#turn(state, error),
      onEvent: ({ event, data }) => event !== "closed" && this.#take(JSON.parse(data) as Message),
    });
  }

  /** The stream stays open for a moment: another page may look at the same. */
  detach(): void {
    this.#watchers -= 1;
    setTimeout(() => {
      if (this.#watchers > 0 || !this.#close) return;
      this.#close();
      this.#close = undefined;
      this.#show.cancel();
      this.#rows.clear();
      this.#complete = false;
      this.live.value = NOTHING;
    }, 1000);
  }

  #turn(state: StreamState, error: ApiError | undefined): void {
    this.#state = state;
    this.#error = error;
    // a snapshot that broke off begins anew
    if (state === "connecting") this.#inSnapshot = false;
    this.#show();
  }

  #take(message: Message): void {
    if (message.snapshot && !this.#inSnapshot) this.#rows.clear();
    this.#inSnapshot = Boolean(message.snapshot && message.more);
    // what an epoch takes away comes before what it adds, or a row that changed would vanish
    for (const change of message.changes) if (change.diff < 0) this.#rows.delete(place(change));
    for (const change of message.changes) if (change.diff > 0) this.#rows.set(place(change), change);
    this.#complete = this.#complete || !this.#inSnapshot;
    this.#show();
  }

  #tell(): void {
    const rows = [...this.#rows.values()];
    this.live.value = { rows, complete: this.#complete, state: this.#state, error: this.#error };
  }
}

function place(row: { key: unknown; window_start?: string }): string {
  return `${JSON.stringify(row.key)} ${row.window_start ?? ""}`;
}

// Server-sent events that come back by themselves: from where they broke off, and the slower the longer nobody answers.

import { createParser } from "eventsource-parser";
import { pause, whenSeen } from "../frame";
import { ApiError, request } from "./client";

export type StreamState = "connecting" | "open" | "waiting" | "failed";

export interface StreamEvent {
  event: string | undefined;
  data: string;
  id: string | undefined;
}

export interface StreamOptions {
  onEvent: (event: StreamEvent) => void;
  /** `failed` is final: asking again would get the same answer. */
  onState?: (state: StreamState, error?: ApiError) => void;
  /** Closed while nobody sees the page; where an event was missed meanwhile, the server's snapshot makes up for it. */
  pauseWhenHidden?: boolean;
}

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/** Opens a stream; the answer closes it. */
export function openStream(path: string, options: StreamOptions): () => void {
  const end = new AbortController();
  void follow(path, options, end.signal);
  return () => end.abort();
}

async function follow(path: string, options: StreamOptions, signal: AbortSignal): Promise<void> {
  let last: string | undefined;
  let wait = FIRST_WAIT;
  const onEvent = (event: StreamEvent) => {
    last = event.id ?? last;
    wait = FIRST_WAIT;
    options.onEvent(event);
  };
  while (!signal.aborted) {
    let least = 0;
    options.onState?.("connecting");
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (last !== undefined) headers["Last-Event-ID"] = last;
      await read(path, headers, signal, options, onEvent);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError) {
        if (isFinal(error)) return options.onState?.("failed", error);
        least = (error.retryAfter ?? 0) * 1000;
      }
    }
    if (signal.aborted) return;
    options.onState?.("waiting");
    // not all at once, after a restart that many pages waited for
    await pause(Math.max(least, wait * (0.5 + Math.random() / 2)), signal);
    wait = Math.min(wait * 2, LONGEST_WAIT);
    if (options.pauseWhenHidden) await whenSeen(signal);
  }
}

function isFinal(error: ApiError): boolean {
  return error.status >= 400 && error.status < 500 && error.status !== 429 && error.status !== 408;
}

async function read(
  path: string,
  headers: Record<string, string>,
  signal: AbortSignal,
  options: StreamOptions,
  onEvent: (event: StreamEvent) => void,
): Promise<void> {
  const attempt = new AbortController();
  const abort = () => attempt.abort();
  const hide = () => document.hidden && attempt.abort();
  signal.addEventListener("abort", abort);
  if (options.pauseWhenHidden) document.addEventListener("visibilitychange", hide);
  try {
    const response = await request(path, { headers, signal: attempt.signal });
    if (!response.body) return;
    options.onState?.("open");
    const parser = createParser({ onEvent: ({ event, data, id }) => onEvent({ event, data, id }) });
    const text = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(text.decode(value, { stream: true }));
    }
  } finally {
    signal.removeEventListener("abort", abort);
    document.removeEventListener("visibilitychange", hide);
  }
}

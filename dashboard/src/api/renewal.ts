// A session goes on while somebody sees the page: the first of its tabs renews it before it ends, and tells the others.

import { effect } from "@preact/signals";
import { pause, whenSeen } from "../frame";
import { ApiError, send } from "./client";
import { rememberSession, renewal } from "./session";

/** Milliseconds after which another tab would have been first. */
const APART = 5000;
/** Milliseconds between looks at the clock, which goes on while a machine sleeps and its timers do not. */
const LOOK = 30_000;

export async function renew(): Promise<void> {
  const { expires_in } = await send<{ expires_in: number }>("POST", "/auth/refresh");
  rememberSession(expires_in);
}

/** Renews the session each time it is due. */
export function keepSession(): void {
  let end = new AbortController();
  effect(() => {
    const due = renewal.value;
    end.abort();
    end = new AbortController();
    if (due !== null) void renewWhen(due + Math.random() * APART, end.signal);
  });
}

async function renewWhen(due: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const wait = due - Date.now();
    if (wait > 0) {
      await pause(Math.min(wait, LOOK), signal);
      continue;
    }
    await whenSeen(signal);
    if (signal.aborted) return;
    try {
      return await renew();
    } catch (error) {
      // who is refused has been led to /login
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) return;
      await pause(LOOK, signal);
    }
  }
}

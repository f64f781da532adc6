// Who looks at the page. What shows it is a cookie that no script reads; a call that is refused for want of one leads to
// /login. Tabs tell one another when it is to be renewed, and that it is over.

import { signal } from "@preact/signals";
import { navigate } from "wouter-preact/use-browser-location";

const KEY = "highwater.renewal";
/** What part of a session passes before it is renewed. */
const PASSES = 2 / 3;
/** Milliseconds; a session that ends sooner, for it may not go on, is left to end. */
const SOONEST = 30_000;

/** When the session is to be renewed, in milliseconds since 1970; null where none is known of. */
export const renewal = signal(stored());

/** Who it is, once the job has said so. */
export const me = signal<Me | null>(null);

/** Whether what concerns one's own account is shown. */
export const isAccountOpen = signal(false);

export interface Me {
  /** None where the job asks nobody to sign in. */
  id: string | null;
  username: string;
  email: string | null;
  role: "user" | "admin";
  must_change_password: boolean;
}

function stored(): number | null {
  return Number(localStorage.getItem(KEY)) || null;
}

window.addEventListener("storage", ({ key }) => {
  if (key !== KEY) return;
  renewal.value = stored();
  if (renewal.value === null) leave();
});

/** A session has begun or goes on, for so many seconds. */
export function rememberSession(seconds: number): void {
  const due = Date.now() + Math.max(seconds * 1000 * PASSES, SOONEST);
  localStorage.setItem(KEY, String(due));
  renewal.value = due;
}

let isChanging = false;

/** A new password ends the session that calls under way still show: nobody is sent away for that. */
export async function whileChanging(work: () => Promise<void>): Promise<void> {
  isChanging = true;
  try {
    await work();
  } finally {
    isChanging = false;
  }
}

/** A call that was made in this session was refused. */
export function onRefused(session: number | null): void {
  if (!isChanging && session === renewal.value) forgetSession();
}

/** Signed out, or never in. */
export function forgetSession(): void {
  localStorage.removeItem(KEY);
  renewal.value = null;
  leave();
}

function leave(): void {
  me.value = null;
  leadToLogin();
}

/** On to where one signs in, and from there back. */
export function leadToLogin(): void {
  const here = location.pathname + location.search;
  if (location.pathname !== "/login") navigate(`/login?next=${encodeURIComponent(here)}`);
}

// Who looks at the page. The token is kept as long as the tab; a call that is refused for want of one leads to /login.

import { signal } from "@preact/signals";
import { navigate } from "wouter-preact/use-browser-location";

const KEY = "highwater.token";

/** What calls carry; null where nobody has signed in, or where the job asks nobody to. */
export const token = signal<string | null>(sessionStorage.getItem(KEY));

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

export function rememberSession(given: string): void {
  sessionStorage.setItem(KEY, given);
  token.value = given;
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

/** A call that showed this was refused. */
export function onRefused(shown: string | null): void {
  if (!isChanging && shown === token.value) forgetSession();
}

/** Signed out, or never in. */
export function forgetSession(): void {
  sessionStorage.removeItem(KEY);
  token.value = null;
  me.value = null;
  leadToLogin();
}

/** On to where one signs in, and from there back. */
export function leadToLogin(): void {
  const here = location.pathname + location.search;
  if (location.pathname !== "/login") navigate(`/login?next=${encodeURIComponent(here)}`);
}

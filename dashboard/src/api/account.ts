// Signing in and out, one's password, and tokens for machines.

import { get, send } from "./client";
import { renew } from "./renewal";
import { forgetSession, type Me, me, rememberSession, whileChanging } from "./session";

interface SignedIn {
  expires_in: number;
  user: Me;
}

export async function signIn(username: string, password: string): Promise<Me> {
  const answer = await send<SignedIn>("POST", "/auth/login", { username, password });
  rememberSession(answer.expires_in);
  me.value = answer.user;
  return answer.user;
}

/** Ends all sessions of whoever is signed in; here in any case. */
export async function signOut(): Promise<void> {
  try {
    await send("POST", "/auth/logout");
  } finally {
    forgetSession();
  }
}

/** A new password ends all sessions but the one that the answer begins. */
export async function changePassword(current: string, next: string): Promise<void> {
  await whileChanging(async () => {
    await send<Me>("PUT", "/auth/me", { current_password: current, new_password: next });
    await renew();
  });
}

export const SCOPES = ["ingest", "read", "write", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

export interface ApiToken {
  id: string;
  name: string;
  scopes: Scope[];
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
}

export async function tokens(signal: AbortSignal): Promise<ApiToken[]> {
  return (await get<{ tokens: ApiToken[] }>("/auth/tokens", {}, signal)).tokens;
}

/** The token is in the answer, this once. */
export function makeToken(
  name: string,
  scopes: Scope[],
  expiresInDays: number | null,
): Promise<ApiToken & { token: string }> {
  return send("POST", "/auth/tokens", { name, scopes, expires_in_days: expiresInDays });
}

export function revokeToken(id: string): Promise<void> {
  return send("DELETE", `/auth/tokens/${encodeURIComponent(id)}`);
}

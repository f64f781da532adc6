// One call to the API: JSON in, JSON out, and whatever goes wrong as one kind of error.

import { signal } from "@preact/signals";
import { onRefused, renewal } from "./session";

/** What a call says when it does not answer: RFC 9457, or the browser's own words where nobody answered. */
export class ApiError extends Error {
  readonly status: number;
  readonly title: string;
  readonly requestId: string | undefined;
  /** Seconds to wait before the next try, where the server says so. */
  readonly retryAfter: number | undefined;
  /** What is wrong with which field of the body, where the server says so; what is wrong with all of it is at "". */
  readonly fields: Readonly<Record<string, string>>;
  /** Where in a query it is, counted from 1. */
  readonly column: number | undefined;

  constructor(status: number, problem: Problem, retryAfter?: number) {
    super(problem.detail ?? problem.title ?? `The server answered ${status}.`);
    this.name = "ApiError";
    this.status = status;
    this.title = problem.title ?? "It did not work";
    this.requestId = problem.request_id;
    this.retryAfter = retryAfter;
    this.column = problem.column;
    this.fields = Object.fromEntries((problem.errors ?? []).map(({ field, what }) => [field, what]));
  }

  /** Nobody answered at all. */
  get isOffline(): boolean {
    return this.status === 0;
  }
}

interface Problem {
  title?: string;
  detail?: string;
  request_id?: string;
  column?: number;
  errors?: { field: string; what: string }[];
}

/** Whether the last call got an answer, whatever it was. */
export const isReachable = signal(true);

export type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>;

/** An address under the API's root; lists become a parameter for each of their values. */
export function apiPath(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") continue;
    if (typeof value === "object") for (const one of value) params.append(name, one);
    else params.set(name, String(value));
  }
  const text = params.toString();
  return `/api/v1${path}${text ? `?${text}` : ""}`;
}

/** A call whose answer is read by the caller, such as a stream. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const session = renewal.value;
  let response: Response;
  try {
    response = await fetch(path, { ...init, credentials: "same-origin" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    isReachable.value = false;
    throw new ApiError(0, {
      title: "Nobody answers",
      detail: "The job does not answer: it is stopped, or the network is.",
    });
  }
  isReachable.value = true;
  if (response.ok) return response;
  if (response.status === 401 && !path.includes("/auth/login")) onRefused(session);
  const problem = (await response.json().catch(() => ({}))) as Problem;
  const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  throw new ApiError(response.status, problem, Number.isNaN(wait) ? undefined : wait);
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const response = await request(apiPath(path, query), signal ? { signal } : {});
  return (await response.json()) as T;
}

export async function send<T>(
  method: "POST" | "PUT" | "DELETE",
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const init: RequestInit = { method, headers };
  if (body !== undefined) {
    init.headers = { ...headers, "Content-Type": "application/json" };
    init.body = JSON.stringify(body);
  }
  const response = await request(apiPath(path), init);
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

// How the job is.

import { request } from "./client";

export interface ComponentHealth {
  status: string;
  reason?: string;
}

export interface Health {
  status: "healthy" | "degraded" | "unhealthy";
  components: {
    source: ComponentHealth;
    dataflow: ComponentHealth;
    state: ComponentHealth;
    search: ComponentHealth;
    sinks: Record<string, ComponentHealth>;
  };
  epoch: number;
  watermark: string | null;
  /** Seconds that the watermark is behind. */
  lag: number | null;
}

/** An unhealthy job says so with a 503, which is an answer. */
export async function health(signal: AbortSignal): Promise<Health> {
  const headers = { Accept: "application/json" };
  return (await (await request("/health", { headers, signal, okStatus: 503 })).json()) as Health;
}

/** What is wrong, part by part. */
export function complaints(health: Health): string[] {
  const { sinks, ...parts } = health.components;
  const named = [...Object.entries(parts), ...Object.entries(sinks)];
  return named.filter(([, part]) => part.reason).map(([name, part]) => `${name}: ${part.reason}`);
}

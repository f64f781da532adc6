// How the job is.

import { signal } from "@preact/signals";
import { get } from "./client";

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

/** An unhealthy job is an answer, too, and no failed call. */
export function health(signal: AbortSignal): Promise<Health> {
  return get("/health", { unhealthy: 200 }, signal);
}

/** What is wrong, part by part. */
export function complaints(health: Health): string[] {
  const { sinks, ...parts } = health.components;
  const named = [...Object.entries(parts), ...Object.entries(sinks)];
  return named.filter(([, part]) => part.reason).map(([name, part]) => `${name}: ${part.reason}`);
}

/** Event time up to which all is known, in milliseconds; the wall clock where the job has not said. */
export function knownUpTo(): number {
  const watermark = jobHealth.value?.watermark;
  return watermark ? Date.parse(watermark) : Date.now();
}

/** The newest of what the job said of itself: the shell asks, pages read. */
export const jobHealth = signal<Health | undefined>(undefined);

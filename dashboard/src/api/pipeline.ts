// The dataflow itself, in totals since the start.

import { get } from "./client";

/** In seconds, of the last few. */
export interface Quantiles {
  p50: number | null;
  p99: number | null;
  max: number | null;
}

export interface Partition {
  source: string;
  partition: number;
  worker: number;
  next_offset: number | null;
  lag: number | null;
  newest: string | null;
  watermark: string | null;
  delay_seconds: number | null;
  pace: "active" | "idle" | "ended";
}

export interface WorkerTime {
  worker: number;
  seconds: number;
  reading_seconds: number;
  operator_seconds: number;
  parked_seconds: number;
  held_back_seconds: number;
}

export interface Operator {
  id: number;
  name: string;
  address: number[];
  seconds: number;
  seconds_by_worker: number[];
  runs: number;
  records_in: number;
  records_out: number;
  records_held: number;
  held_by_worker: number[];
  records_waiting: number;
  bytes_waiting: number;
  inputs: { from: number; records: number }[];
}

export interface Part {
  /** A query, or a part of one; none for what carries all of them. */
  name: string | null;
  operators: Operator[];
}

export interface Sink {
  name: string;
  records: number;
  retries: number;
  waiting_bytes: number;
  last_failure: { at: string; what: string } | null;
}

export interface Pipeline {
  timestamp: string;
  epoch: number;
  tick_seconds: number;
  watermark: string | null;
  epoch_seconds: Quantiles;
  intake: {
    logs: number;
    bytes: number;
    dead_letters: Record<string, number>;
    late_updates: number;
    keys_folded: number;
  };
  sources: Partition[];
  workers: WorkerTime[];
  parts: Part[];
  commits: { durable: boolean; epoch: number | null; age_seconds: number | null; seconds: Quantiles };
  sinks: Sink[];
  log_store: {
    logs: number;
    bytes: number;
    slices: number;
    behind_seconds: number | null;
    failure: string | null;
  } | null;
}

export function pipeline(signal: AbortSignal): Promise<Pipeline> {
  return get("/pipeline", {}, signal);
}

// Alerts as the dataflow has them: what fires, and since when. What people did about them is in `alerts.ts`.

export interface AlertRow {
  id: string;
  rule: string;
  rule_id: string;
  description: string;
  severity: string;
  /** The series it is about, mostly a service; `*` for all together. */
  key: string;
  status: "pending" | "firing" | "resolved";
  since: string;
  firing_from: string;
  resolved_at: string | null;
  peak: number;
  last: number;
}

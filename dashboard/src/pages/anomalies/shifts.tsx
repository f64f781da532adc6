// What was logged more, or less, than before, as a part of all the logs: messages, levels and services.

import type { Anomaly, Shift } from "../../api/anomalies";
import { percent } from "../../parts/numbers";
import { type Column, Table } from "../../parts/table";

const COLUMNS: readonly Column<Shift>[] = [
  {
    name: "part",
    title: "What",
    cell: ({ dimension, value, example }) =>
      dimension === "template" ? (
        <span class="mono shift-text" title={example ?? value}>
          {value}
        </span>
      ) : (
        `${dimension} ${value}`
      ),
  },
  { name: "before", title: "Before", cell: ({ share_before }) => percent(share_before), isNumber: true },
  { name: "then", title: "Then", cell: ({ share }) => percent(share), isNumber: true },
  { name: "logs", title: "Logs", cell: ({ count }) => count, isNumber: true, isMinor: true },
];

export function Shifts({ anomaly: { shifts } }: { anomaly: Anomaly }) {
  return (
    <div class="why-part shifts">
      <h3>What changed most, as a part of all logs</h3>
      {shifts.length === 0 ? (
        <p class="dim">No message and no level has another share than before.</p>
      ) : (
        <Table
          label="What changed most"
          columns={COLUMNS}
          rows={shifts}
          keyOf={({ dimension, value, template_id }) => `${dimension} ${template_id ?? value}`}
        />
      )}
    </div>
  );
}

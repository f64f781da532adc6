// The messages that changed most while it was unusual.

import type { Anomaly } from "../../api/anomalies";
import type { Changed } from "../../api/compared";
import { changedMessages, isCounted } from "../../api/evidence";
import { usePoll } from "../../api/poll";
import { Failure, Skeleton } from "../../parts/empty";
import { compact } from "../../parts/numbers";
import { type Column, Table } from "../../parts/table";

const MOST = 6;

const COLUMNS: readonly Column<Changed>[] = [
  {
    name: "message",
    title: "Message",
    cell: ({ pattern }) => (
      <span class="mono changed-text" title={pattern}>
        {pattern}
      </span>
    ),
  },
  { name: "before", title: "Before", cell: ({ before }) => compact(before), isNumber: true },
  { name: "then", title: "Then", cell: ({ during }) => compact(during), isNumber: true },
  { name: "change", title: "Change", cell: change, isNumber: true },
];

export function ChangedMessages({ anomaly }: { anomaly: Anomaly }) {
  const { data, error, reload } = usePoll(
    anomaly.id,
    (signal) => changedMessages(anomaly, MOST, signal),
    isCounted(anomaly) ? 0 : 10_000,
  );
  return (
    <div class="why-part changed">
      <h3>Messages that changed most, in logs a minute</h3>
      {error ? (
        <Failure error={error} retry={reload} />
      ) : !data ? (
        <Skeleton lines={4} />
      ) : data.length === 0 ? (
        <p class="dim">The counts of that time are no longer kept.</p>
      ) : (
        <Table
          label="Messages that changed most"
          columns={COLUMNS}
          rows={data}
          keyOf={({ pattern }) => pattern}
        />
      )}
    </div>
  );
}

function change({ before, during }: Changed): string {
  const by = during - before;
  const amount = before > 0 ? `${compact(Math.abs((100 * by) / before))} %` : compact(by);
  return `${by < 0 ? "−" : "+"}${amount}`;
}

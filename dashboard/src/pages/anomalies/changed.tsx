// The messages that changed most while it was unusual.

import type { Anomaly } from "../../api/anomalies";
import type { Changed } from "../../api/compared";
import { changedMessages, isCounted } from "../../api/evidence";
import { usePoll } from "../../api/poll";
import { Failure, Skeleton } from "../../parts/empty";
import { compact } from "../../parts/numbers";

const MOST = 6;

export function ChangedMessages({ anomaly }: { anomaly: Anomaly }) {
  const { data, error, reload } = usePoll(
    anomaly.id,
    (signal) => changedMessages(anomaly, MOST, signal),
    isCounted(anomaly) ? 0 : 10_000,
  );
  return (
    <div class="why-part">
      <h3>Messages that changed most, in logs a minute</h3>
      {error ? (
        <Failure error={error} retry={reload} />
      ) : !data ? (
        <Skeleton lines={4} />
      ) : data.length === 0 ? (
        <p class="dim">The counts of that time are no longer kept.</p>
      ) : (
        <div class="table-scroll">
          <table class="changed">
            <thead>
              <tr>
                <th scope="col">Message</th>
                <th scope="col" class="number">
                  Before
                </th>
                <th scope="col" class="number">
                  Then
                </th>
                <th scope="col" class="number">
                  Change
                </th>
              </tr>
            </thead>
            <tbody>
              {data.map((message) => (
                <Row key={message.pattern} message={message} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

function Row({ message: { pattern, before, during } }: { message: Changed }) {
  const change = during - before;
  return (
    <tr>
      <th scope="row" class="mono changed-text" title={pattern}>
        {pattern}
      </th>
      <td class="number">{compact(before)}</td>
      <td class="number">{compact(during)}</td>
      <td class="number">
        {change < 0 ? "−" : "+"}
        {before > 0 ? `${compact(Math.abs((100 * change) / before))} %` : compact(change)}
      </td>
    </tr>
  );
}

// Some logs of the time.

import { Link } from "wouter-preact";
import { type Anomaly, logsOf } from "../../api/anomalies";
import { sampleLogs } from "../../api/evidence";
import { usePoll } from "../../api/poll";
import { LevelBadge } from "../../parts/badge";
import { Failure, Skeleton } from "../../parts/empty";
import { count } from "../../parts/numbers";
import { Time } from "../../parts/time";

export function Samples({ anomaly }: { anomaly: Anomaly }) {
  const { data, error, reload } = usePoll(anomaly.id, (signal) => sampleLogs(anomaly, signal), 0);
  return (
    <div class="why-part">
      <h3>
        {anomaly.metric_name === "error_rate" ? "Errors" : "Logs"} of that time
        {data && data.total > data.logs.length && (
          <>
            {" "}
            (<Link href={logsOf(anomaly)}>all {count(data.total)}</Link>)
          </>
        )}
      </h3>
      {error ? (
        <Failure error={error} retry={reload} />
      ) : !data ? (
        <Skeleton lines={4} />
      ) : data.logs.length === 0 ? (
        <p class="dim">None: nothing was logged, or it is no longer kept.</p>
      ) : (
        <ul class="samples">
          {data.logs.map((log) => (
            <li key={log.id}>
              <span class="dim small">
                <Time at={log.timestamp} />
              </span>
              <LevelBadge level={log.level} />
              {anomaly.service === null && <span class="dim">{log.service}</span>}
              <span class="mono sample-text">{log.message}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

// Whether what the page shows is what happens now.

import { isReachable } from "./api/client";
import { complaints, health } from "./api/health";
import { usePoll } from "./api/poll";
import { healthTone, Status } from "./parts/badge";
import { duration } from "./parts/numbers";

export function JobStatus() {
  const { data } = usePoll("health", health, 5000);
  return (
    <div class="job-status" aria-live="polite">
      {!isReachable.value ? (
        <Status tone="bad">No connection</Status>
      ) : data ? (
        <span title={complaints(data).join("\n") || "All parts are well"}>
          <Status tone={healthTone(data.status)}>{data.status === "healthy" ? "Live" : data.status}</Status>
          {data.lag !== null && <span class="side-label dim"> {duration(data.lag * 1000)} behind</span>}
        </span>
      ) : (
        <span class="skeleton" />
      )}
    </div>
  );
}

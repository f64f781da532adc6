// Whether what the page shows is what happens now.

import { useEffect } from "preact/hooks";
import { isReachable } from "./api/client";
import { complaints, health, jobHealth } from "./api/health";
import { usePoll } from "./api/poll";
import { healthTone, Status } from "./parts/badge";
import { duration } from "./parts/numbers";

export function JobStatus() {
  const { data } = usePoll("health", health, 5000);
  useEffect(() => {
    jobHealth.value = data;
  }, [data]);
  return (
    <div class="job-status" aria-live="polite">
      {isReachable.value ? data && <Said {...data} /> : <Status tone="bad">No connection</Status>}
    </div>
  );
}

function Said(said: NonNullable<typeof jobHealth.value>) {
  const isWell = said.status === "healthy";
  return (
    <span title={complaints(said).join("\n") || "All parts are well"}>
      <Status tone={healthTone(said.status)}>{isWell ? "Live" : said.status}</Status>
      {said.lag !== null && (
        <span class="side-label dim">{duration(Math.round(said.lag) * 1000)} behind</span>
      )}
    </span>
  );
}

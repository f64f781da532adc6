// What stands in for what has not come yet, or does not come.

import type { ApiError } from "../api/client";
import { Failure, Skeleton } from "./empty";

export interface WaitingProps {
  error: ApiError | undefined;
  retry: () => void;
  lines?: number;
}

export function Waiting({ error, retry, lines }: WaitingProps) {
  if (error) return <Failure error={error} retry={retry} />;
  return (
    <div class="padded">
      <Skeleton lines={lines} />
    </div>
  );
}

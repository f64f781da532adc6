// A part of one, as a bar with its number.

import { percent } from "../../parts/numbers";

export function Share({ part }: { part: number }) {
  return (
    <span class="share">
      <span class="share-track" aria-hidden="true">
        <span style={{ width: `${Math.min(1, part) * 100}%` }} />
      </span>
      {percent(part)}
    </span>
  );
}

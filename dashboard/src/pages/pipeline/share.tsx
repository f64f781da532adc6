// A part of one, as a bar with its number.

import { percent } from "../../parts/numbers";

/** The bar is as long as `part` is of `most`: the largest one of a list fills it. */
export function Share({ part, most }: { part: number; most: number }) {
  const length = most > 0 ? Math.min(1, part / most) : 0;
  return (
    <span class="share">
      <span class="share-track" aria-hidden="true">
        <span style={{ width: `${length * 100}%` }} />
      </span>
      {percent(part)}
    </span>
  );
}

// How many alerts fire, wherever somebody is on the page: beside the page's name, in the browser's tab, and read out as
// they come.

import { useEffect, useRef, useState } from "preact/hooks";
import type { AlertRow } from "./api/alerts-view";
import { useView } from "./api/view";
import { firing } from "./title";

export function OpenAlerts() {
  const { rows, complete } = useView<AlertRow>("alerts");
  const open = rows.map((row) => row.value).filter((alert) => alert.status === "firing");
  const [said, setSaid] = useState("");
  const known = useRef<Set<string>>();
  useEffect(() => {
    firing.value = open.length;
    if (!complete) return;
    const before = known.current;
    const fresh = open.filter((alert) => before && !before.has(alert.id));
    known.current = new Set(open.map((alert) => alert.id));
    if (fresh.length) setSaid(fresh.map(sentence).join(" "));
  });
  return (
    <>
      {open.length > 0 && (
        <span class="nav-count">
          {open.length}
          <span class="hidden"> open</span>
        </span>
      )}
      <span class="hidden" aria-live="polite">
        {said}
      </span>
    </>
  );
}

function sentence(alert: AlertRow): string {
  return `Alert ${alert.rule} fires${alert.key === "*" ? "" : ` for ${alert.key}`}.`;
}

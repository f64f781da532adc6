// The anomalies, newest first.

import { useState } from "preact/hooks";
import { type Anomaly, headline, serviceOf } from "../../api/anomalies";
import { SeverityBadge } from "../../parts/badge";
import { Card } from "../../parts/card";
import { Empty } from "../../parts/empty";
import { count } from "../../parts/numbers";
import { Time } from "../../parts/time";

const PAGE = 50;

export interface AnomalyListProps {
  anomalies: readonly Anomaly[];
  openId: string | undefined;
  onOpen: (id: string) => void;
  class: string;
}

export function AnomalyList({ anomalies, openId, onOpen, class: place }: AnomalyListProps) {
  const [most, setMost] = useState(PAGE);
  const rest = anomalies.length - most;
  return (
    <Card title="Found" note={`${count(anomalies.length)}, newest first`} class={place} flush>
      {anomalies.length === 0 && (
        <Empty title="None in this time">Choose a longer range, or fewer filters.</Empty>
      )}
      <ul class="found">
        {anomalies.slice(0, most).map((anomaly) => (
          <li key={anomaly.id}>
            <button
              type="button"
              class="found-item"
              aria-current={anomaly.id === openId ? "true" : undefined}
              onClick={() => onOpen(anomaly.id)}
            >
              <span class="found-head">
                <SeverityBadge severity={anomaly.severity} />
                <b>{serviceOf(anomaly)}</b>
                <span class="dim small">
                  <Time at={anomaly.window_start} />
                </span>
              </span>
              <span class="found-text">{headline(anomaly)}</span>
            </button>
          </li>
        ))}
      </ul>
      {rest > 0 && (
        <p class="found-more">
          <button type="button" onClick={() => setMost(most + PAGE)}>
            {count(Math.min(rest, PAGE))} more
          </button>
        </p>
      )}
    </Card>
  );
}

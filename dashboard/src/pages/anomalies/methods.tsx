// What each method says of an anomaly.

import type { Anomaly } from "../../api/anomalies";
import { Icon } from "../../parts/icon";

interface Verdict {
  name: string;
  about: string;
  value: string;
  /** How far it is along, from 0 to 1. */
  part: number;
  flagged: boolean;
}

export function Methods({ anomaly }: { anomaly: Anomaly }) {
  return (
    <div class="why-part">
      <h3>What each method says</h3>
      <div class="table-scroll">
        <table class="methods">
          <thead>
            <tr>
              <th scope="col">Method</th>
              <th scope="col" class="number">
                Says
              </th>
              <th scope="col" class="minor">
                <span class="hidden">How much that is</span>
              </th>
              <th scope="col">Verdict</th>
            </tr>
          </thead>
          <tbody>
            {verdicts(anomaly).map((verdict) => (
              <tr key={verdict.name}>
                <th scope="row">
                  {verdict.name} <span class="dim minor">{verdict.about}</span>
                </th>
                <td class="number">{verdict.value}</td>
                <td class="minor">
                  <svg class={verdict.flagged ? "meter meter-flagged" : "meter"} aria-hidden="true">
                    <rect class="meter-all" width="100%" height="100%" rx="3" />
                    <rect width={`${Math.min(1, verdict.part) * 100}%`} height="100%" rx="3" />
                  </svg>
                </td>
                <td>
                  {verdict.flagged ? (
                    <span class="bad verdict">
                      <Icon name="warning" /> unusual
                    </span>
                  ) : (
                    <span class="dim">not by itself</span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** A full meter is what counts as critical. */
const CRITICAL = { zScore: 4, deviationPercent: 400 };

function verdicts({ evidence, methods, score }: Anomaly): Verdict[] {
  const { z_score, moving_average_deviation_percent: deviation, isolation_forest_score: forest } = evidence;
  const signed = (value: number, digits: number) =>
    `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
  return [
    {
      name: "z-score",
      about: "standard deviations from the mean",
      value: signed(z_score, 1),
      part: Math.abs(z_score) / CRITICAL.zScore,
      flagged: methods.includes("z_score"),
    },
    {
      name: "Moving average",
      about: "deviation from it",
      value: deviation === null ? "too little past" : `${signed(deviation, 0)} %`,
      part: Math.abs(deviation ?? 0) / CRITICAL.deviationPercent,
      flagged: methods.includes("moving_average"),
    },
    {
      name: "Isolation forest",
      about: "0 to 1, over several features",
      value: forest === null ? "not trained yet" : forest.toFixed(2),
      part: forest ?? 0,
      flagged: methods.includes("isolation_forest"),
    },
    {
      name: "All together",
      about: "0 to 1, weighted",
      value: score.toFixed(2),
      part: score,
      flagged: methods.length > 0,
    },
  ];
}

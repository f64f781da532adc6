// What each method says of an anomaly.

import type { Anomaly, LongTerm } from "../../api/anomalies";
import { Icon } from "../../parts/icon";
import { compact } from "../../parts/numbers";
import { type Column, Table } from "../../parts/table";

interface Verdict {
  name: string;
  about: string;
  value: string;
  /** How far it is along, from 0 to 1. */
  part: number;
  flagged: boolean;
}

const COLUMNS: readonly Column<Verdict>[] = [
  {
    name: "method",
    title: "Method",
    cell: ({ name, about }) => (
      <>
        {name} <span class="dim minor">{about}</span>
      </>
    ),
  },
  { name: "says", title: "Says", cell: ({ value }) => value, isNumber: true },
  { name: "part", title: "How much that is", cell: meter, isMinor: true },
  { name: "verdict", title: "Verdict", cell: word },
];

export function Methods({ anomaly }: { anomaly: Anomaly }) {
  return (
    <div class="why-part">
      <h3>What each method says</h3>
      <Table
        label="What each method says"
        columns={COLUMNS}
        rows={verdicts(anomaly)}
        keyOf={({ name }) => name}
      />
    </div>
  );
}

function meter({ flagged, part }: Verdict) {
  return (
    <svg class={flagged ? "meter meter-flagged" : "meter"} aria-hidden="true">
      <rect class="meter-all" width="100%" height="100%" rx="3" />
      <rect width={`${Math.min(1, part) * 100}%`} height="100%" rx="3" />
    </svg>
  );
}

function word({ flagged }: Verdict) {
  if (!flagged) return <span class="dim">not by itself</span>;
  return (
    <span class="bad verdict">
      <Icon name="warning" /> unusual
    </span>
  );
}

/** A full meter is what counts as critical. */
const CRITICAL = { zScore: 4, deviationPercent: 400, decades: 8 };

/** What a look at days and weeks finds unusual. */
const LOOKS: Record<keyof LongTerm, string> = {
  level: "far from what this time has had",
  jump: "far from the last minutes",
  shape: "minutes in a row as never before",
  drift: "going where it has not gone before",
};

function strongest(found: LongTerm): keyof LongTerm {
  const looks = Object.keys(LOOKS) as (keyof LongTerm)[];
  return looks.reduce((best, look) => (found[look] > found[best] ? look : best));
}

function most(found: LongTerm): number {
  return found[strongest(found)];
}

function once(found: LongTerm): string {
  const decades = most(found);
  return decades > 9 ? "once in 10⁹ minutes or less" : `once in ${compact(10 ** decades)} minutes`;
}

function verdicts({ evidence, methods, score }: Anomaly): Verdict[] {
  const { z_score, moving_average_deviation_percent: deviation, isolation_forest_score: forest } = evidence;
  const signed = (value: number, digits: number) =>
    `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
  return [
    {
      name: "z-score",
      about: "standard deviations from the median",
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
      name: "Days and weeks",
      about: evidence.long_term === null ? "minute by minute" : LOOKS[strongest(evidence.long_term)],
      value: evidence.long_term === null ? "nothing unusual" : once(evidence.long_term),
      part: evidence.long_term === null ? 0 : most(evidence.long_term) / CRITICAL.decades,
      flagged: methods.includes("long_term"),
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

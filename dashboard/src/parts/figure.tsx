// One number to keep an eye on.

import type { ComponentChildren } from "preact";
import { Link } from "wouter-preact";
import { Icon } from "./icon";
import { points } from "./numbers";

export interface FigureProps {
  label: string;
  /** None while it is not known. */
  value: ComponentChildren | undefined;
  unit?: string;
  /** Said under it. */
  note?: ComponentChildren;
  tone?: "good" | "warn" | "bad" | undefined;
  href?: string;
  children?: ComponentChildren;
}

export function Figure({ label, value, unit, note, tone, href, children }: FigureProps) {
  const title = href ? <Link href={href}>{label}</Link> : label;
  return (
    <div class={`figure ${tone ? `figure-${tone}` : ""}`}>
      <dt>{title}</dt>
      <dd>
        {value === undefined ? <span class="skeleton skeleton-figure" /> : <b>{value}</b>}
        {unit && value !== undefined && <small>{unit}</small>}
        {note && <div class="figure-note">{note}</div>}
        {children}
      </dd>
    </div>
  );
}

/** How much more or less than in the period before, in percent of it; `isBad` where more of it is worse. */
export function Trend({ change, isBad = false }: { change: number | null | undefined; isBad?: boolean }) {
  if (change === null || change === undefined) return <span class="dim">no period before</span>;
  const still = Math.abs(change) < 0.5;
  const tone = still || !isBad ? "dim" : change > 0 ? "bad" : "good";
  return (
    <span class={`trend ${tone}`}>
      {!still && <Icon name={change > 0 ? "up" : "down"} />}
      {still ? "steady" : points(Math.abs(change))} <span class="dim">{still ? "" : "vs. before"}</span>
    </span>
  );
}

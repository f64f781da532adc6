// Which logs: by level, service, trace and time. The query has a bar of its own.

import { useEffect, useState } from "preact/hooks";
import type { Aggregations } from "../../api/logs";
import { LEVELS } from "../../parts/badge";
import { Icon } from "../../parts/icon";
import { compact } from "../../parts/numbers";
import { Menu } from "./menu";
import { type Change, type LogState, RANGES } from "./state";

export interface FiltersProps {
  state: LogState;
  change: (change: Change) => void;
  /** Services there are. */
  services: readonly string[];
  /** How many logs there are of which; none in the tail. */
  counts: Aggregations | undefined;
}

export function Filters({ state, change, services, counts }: FiltersProps) {
  const isFiltered =
    state.levels.length > 0 || state.services.length > 0 || state.trace !== "" || state.query !== "";
  return (
    <div class="filters">
      <Levels chosen={state.levels} onChange={(levels) => change({ levels })} counts={counts} />
      <Services
        chosen={state.services}
        all={services}
        onChange={(chosen) => change({ services: chosen })}
        counts={counts}
      />
      <TraceField trace={state.trace} onChange={(trace) => change({ trace })} />
      {!state.live && <Times state={state} change={change} />}
      {isFiltered && (
        <button
          type="button"
          class="quiet"
          onClick={() => change({ query: "", levels: [], services: [], trace: "" })}
        >
          <Icon name="close" />
          Clear filters
        </button>
      )}
    </div>
  );
}

interface ListProps {
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
  counts: Aggregations | undefined;
}

function toggled(chosen: readonly string[], value: string): string[] {
  return chosen.includes(value) ? chosen.filter((other) => other !== value) : [...chosen, value];
}

function Levels({ chosen, onChange, counts }: ListProps) {
  return (
    <fieldset class="levels">
      <legend class="hidden">Levels</legend>
      {LEVELS.map((level) => {
        const many = counts?.by_level[level];
        return (
          <button
            key={level}
            type="button"
            class={`level-toggle level-${level.toLowerCase()}`}
            aria-pressed={chosen.includes(level)}
            onClick={() => onChange(toggled(chosen, level))}
          >
            {level}
            {many ? <small>{compact(many)}</small> : null}
          </button>
        );
      })}
    </fieldset>
  );
}

function Services({ chosen, all, onChange, counts }: ListProps & { all: readonly string[] }) {
  const names = [...new Set([...all, ...chosen])].sort();
  const [first] = chosen;
  const label = !first ? "All services" : chosen.length === 1 ? first : `${chosen.length} services`;
  return (
    <Menu label={label}>
      {() => (
        <fieldset class="menu-list">
          <legend class="hidden">Services</legend>
          {names.length === 0 && <p class="dim">No service has logged yet.</p>}
          {names.map((name) => {
            const many = counts?.by_service[name];
            return (
              <label key={name}>
                <input
                  type="checkbox"
                  checked={chosen.includes(name)}
                  onChange={() => onChange(toggled(chosen, name))}
                />
                <span>{name}</span>
                {many ? <small class="dim">{compact(many)}</small> : null}
              </label>
            );
          })}
        </fieldset>
      )}
    </Menu>
  );
}

function TraceField({ trace, onChange }: { trace: string; onChange: (trace: string) => void }) {
  const [text, setText] = useState(trace);
  useEffect(() => setText(trace), [trace]);
  return (
    <form
      class="trace-field"
      onSubmit={(event) => {
        event.preventDefault();
        onChange(text.trim());
      }}
    >
      <input
        class="mono"
        aria-label="Trace or correlation id"
        placeholder="Trace id"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={() => text.trim() !== trace && onChange(text.trim())}
      />
    </form>
  );
}

const SPOKEN: Record<(typeof RANGES)[number], string> = {
  "5m": "Last 5 minutes",
  "15m": "Last 15 minutes",
  "30m": "Last 30 minutes",
  "1h": "Last hour",
  "6h": "Last 6 hours",
  "12h": "Last 12 hours",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
};

function Times({
  state: { range, from, to },
  change,
}: {
  state: LogState;
  change: (change: Change) => void;
}) {
  const choose = (value: string) => {
    const known = RANGES.find((range) => range === value);
    if (known) change({ range: known });
    else change({ from: new Date(Date.now() - 3_600_000).toISOString(), to: new Date().toISOString() });
  };
  return (
    <div class="times">
      <select
        aria-label="Time range"
        value={range ?? "own"}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        {RANGES.map((name) => (
          <option key={name} value={name}>
            {SPOKEN[name]}
          </option>
        ))}
        <option value="own">From … to …</option>
      </select>
      {!range && (
        <>
          <Moment label="From" at={from} onChange={(at) => change({ from: at, to })} />
          <span class="dim">to</span>
          <Moment label="To" at={to} onChange={(at) => change({ from, to: at })} />
        </>
      )}
    </div>
  );
}

/** A moment in local time. */
function Moment({
  label,
  at,
  onChange,
}: {
  label: string;
  at: string | null;
  onChange: (at: string | null) => void;
}) {
  const date = at ? new Date(at) : null;
  const local =
    date && new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
  return (
    <input
      type="datetime-local"
      step={1}
      aria-label={label}
      value={local ?? ""}
      onChange={(event) => {
        const given = new Date(event.currentTarget.value);
        onChange(Number.isNaN(given.getTime()) ? null : given.toISOString());
      }}
    />
  );
}

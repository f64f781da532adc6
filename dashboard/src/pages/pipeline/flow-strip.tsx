// From sources to sinks in a row: at each station what passes, and whether it is well.

import { health } from "../../api/health";
import { usePoll } from "../../api/poll";
import { healthTone, Status, type Tone } from "../../parts/badge";
import { bytes, compact, count, duration, percent } from "../../parts/numbers";
import { rate, type Span } from "./rates";
import { busy } from "./worker-time";

interface Station {
  title: string;
  figure: string;
  unit: string;
  notes: string[];
  health: { status: string; reason?: string } | undefined;
}

export function FlowStrip({ span }: { span: Span }) {
  const { data } = usePoll("health", health, 5000);
  const { now } = span;
  const parts = data?.components;
  const times = busy(span);
  const busiest = Math.max(0, ...times.map((time) => time.busy));
  const heldBack = Math.max(0, ...times.map((time) => time.heldBack));
  const operators = now.parts.flatMap((part) => part.operators);
  const lags = now.sources.flatMap(({ lag }) => (lag === null ? [] : [lag]));
  const delay = now.watermark && (Date.parse(now.timestamp) - Date.parse(now.watermark)) / 1000;
  const held = operators.reduce((sum, operator) => sum + operator.records_held, 0);
  const waiting = now.sinks.reduce((sum, sink) => sum + sink.waiting_bytes, 0);
  const retries = rate(span, (answer) => answer.sinks.reduce((sum, sink) => sum + sink.retries, 0));
  const sinks = Object.values(parts?.sinks ?? {});
  const commit = now.commits.seconds.p99;

  const stations: Station[] = [
    {
      title: "Sources",
      figure: compact(rate(span, (answer) => answer.intake.logs)),
      unit: "logs/s",
      notes: [
        parts?.source.reason
          ? ""
          : delay === null
            ? "no log yet"
            : `watermark ${duration(Number(delay) * 1000)} behind`,
        lags.length ? `${compact(lags.reduce((sum, lag) => sum + lag, 0))} records to read` : "",
      ],
      health: parts?.source,
    },
    {
      title: "Workers",
      figure: percent(busiest),
      unit: "busy",
      notes: [
        now.workers.length === 1 ? "one worker" : `the busiest of ${now.workers.length}`,
        heldBack > 0.001 ? `reads nothing ${percent(heldBack)} of the time` : "never held back",
      ],
      health: parts?.dataflow,
    },
    {
      title: "Operators",
      figure: compact(held),
      unit: "records held",
      notes: [`${count(operators.length)} operators`],
      health: undefined,
    },
    {
      title: "Commits",
      figure: commit === null ? "–" : duration(commit * 1000),
      unit: commit === null ? "" : "p99",
      notes: [
        now.commits.durable ? "on disk" : "in memory only",
        now.commits.age_seconds === null ? "" : `${duration(now.commits.age_seconds * 1000)} ago`,
      ],
      health: parts?.state,
    },
    {
      title: "Sinks",
      figure: now.sinks.length ? bytes(waiting) : "–",
      unit: now.sinks.length ? "waiting" : "",
      notes: [
        ["none configured", "one sink"][now.sinks.length] ?? `${count(now.sinks.length)} sinks`,
        retries > 0 ? `${compact(retries)} retries/s` : "",
      ],
      health: sinks.find(({ status }) => status !== "healthy") ?? sinks[0],
    },
  ];
  return (
    <ol class="stations" aria-label="From sources to sinks">
      {stations.map((station) => (
        <li key={station.title} class="station">
          <div class="station-head">
            <h2>{station.title}</h2>
            {station.health && (
              <Status tone={toneOf(station.health.status)}>{wordOf(station.health.status)}</Status>
            )}
          </div>
          <p class="station-figure">
            <b>{station.figure}</b> <small>{station.unit}</small>
          </p>
          {station.notes.filter(Boolean).map((note) => (
            <p key={note} class="small dim">
              {note}
            </p>
          ))}
          {station.health?.reason && <p class="small">{station.health.reason}</p>}
        </li>
      ))}
    </ol>
  );
}

function toneOf(status: string): Tone {
  return status === "not configured" ? "plain" : healthTone(status);
}

function wordOf(status: string): string {
  return status === "healthy" ? "well" : status === "not configured" ? "off" : status;
}

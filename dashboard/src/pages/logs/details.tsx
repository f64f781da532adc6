// All that is known of one log, and where to go from there.

import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type { Log } from "../../api/logs";
import { LevelBadge } from "../../parts/badge";
import { Dialog } from "../../parts/dialog";
import { Icon } from "../../parts/icon";
import { duration } from "../../parts/numbers";
import { address } from "../../url";
import { LogTime } from "./log-time";
import { is } from "./quote";

export interface DetailsProps {
  log: Log;
  /** Adds a condition to the query; where that makes no sense, there is none. */
  onFilter?: (condition: string) => void;
  onClose: () => void;
}

export function Details({ log, onFilter, onClose }: DetailsProps) {
  return (
    <Dialog title="Log" side onClose={onClose}>
      <div class="log-head">
        <LevelBadge level={log.level} />
        <b>{log.service}</b>
        <LogTime at={log.timestamp} />
      </div>
      <pre class="log-text">{log.message || "(no message)"}</pre>
      <Ways log={log} />
      <table class="log-fields" aria-label="Fields">
        <tbody>
          {fieldsOf(log).map(({ name, value, shown }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{shown ?? value}</td>
              <td class="log-field-ways">
                {onFilter && (
                  <>
                    <button
                      type="button"
                      class="quiet"
                      aria-label={`Only logs with this ${name}`}
                      title="Only these"
                      onClick={() => onFilter(is(name, value))}
                    >
                      <Icon name="plus" />
                    </button>
                    <button
                      type="button"
                      class="quiet"
                      aria-label={`No logs with this ${name}`}
                      title="None of these"
                      onClick={() => onFilter(`-${is(name, value)}`)}
                    >
                      <Icon name="close" />
                    </button>
                  </>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Dialog>
  );
}

const MINUTE = 60_000;

/** Other pages, and other logs, that this one leads to. */
function Ways({ log }: { log: Log }) {
  const at = Date.parse(log.timestamp);
  const around = (milliseconds: number) => new Date(at + milliseconds).toISOString();
  const minute = { start_time: around(-MINUTE / 2), end_time: around(MINUTE / 2) };
  return (
    <div class="log-ways">
      {log.trace_id && (
        <Link class="button" href={address("/traces", { trace: log.trace_id })}>
          <Icon name="traces" />
          Its trace
        </Link>
      )}
      <Link
        class="button"
        href={address("/logs", { query: is("service", log.service), ...minute, log: log.id })}
      >
        <Icon name="logs" />
        Logs around it
      </Link>
      <Link
        class="button"
        href={address("/logs", { query: is("template_id", log.template_id), time_range: "1h" })}
      >
        <Icon name="patterns" />
        Logs like it
      </Link>
      {log.anomalies?.map((id) => (
        <Link key={id} class="button" href={address("/anomalies", { id })}>
          <Icon name="anomalies" />
          Its anomaly
        </Link>
      ))}
      <Copy text={JSON.stringify(log, null, 2)} />
    </div>
  );
}

/** A clipboard is there only where the page came by HTTPS or from this machine. */
function Copy({ text }: { text: string }) {
  const [said, setSaid] = useState("");
  if (!navigator.clipboard) return null;
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setSaid("Copied"),
      () => setSaid("The browser does not let the page copy"),
    );
  return (
    <>
      <button type="button" onClick={copy}>
        Copy as JSON
      </button>
      <span class="dim" role="status">
        {said}
      </span>
    </>
  );
}

interface FieldOfLog {
  name: string;
  value: string;
  /** Where it is shown otherwise than it is written. */
  shown?: string;
}

function fieldsOf(log: Log): FieldOfLog[] {
  const { host, trace_id, span_id, correlation_id, latency_ms, template_id, id, timestamp } = log;
  const own = { service: log.service, host, trace_id, span_id, correlation_id, template_id, id, timestamp };
  const fields: FieldOfLog[] = [];
  for (const [name, value] of Object.entries(own)) if (value) fields.push({ name, value });
  if (latency_ms !== undefined) {
    fields.splice(2, 0, { name: "latency_ms", value: String(latency_ms), shown: duration(latency_ms) });
  }
  return [...fields, ...flat(log.attributes ?? {}, "")];
}

/** Attributes by their whole names: dots step into objects. */
function flat(value: unknown, name: string): FieldOfLog[] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, inner]) => flat(inner, name ? `${name}.${key}` : key));
  }
  return [{ name, value: typeof value === "string" ? value : JSON.stringify(value) }];
}

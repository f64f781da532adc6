// One alert: what it says, what became of it, and what can be done about it.

import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { type Alert, act, alert, type Rule, type Transition } from "../../api/alerts";
import type { ApiError } from "../../api/client";
import { asApiError, usePoll } from "../../api/poll";
import { SeverityBadge, Status } from "../../parts/badge";
import { Dialog } from "../../parts/dialog";
import { Failure, Skeleton } from "../../parts/empty";
import { Field } from "../../parts/field";
import { Time } from "../../parts/time";
import { address, useUrl } from "../../url";
import { condition, STATUS_TITLES, STATUS_TONES, valued } from "./words";

export interface AlertDetailsProps {
  id: string;
  rules: readonly Rule[];
  onChange: () => void;
}

export function AlertDetails({ id, rules, onChange }: AlertDetailsProps) {
  const [, change] = useUrl();
  const { data, error, reload } = usePoll(id, (signal) => alert(id, signal), 3000);
  const close = () => change({ alert: null });
  const rule = rules.find((rule) => rule.id === data?.rule_id);
  return (
    <Dialog title={data ? data.rule : "Alert"} side onClose={close}>
      {!data ? (
        error ? (
          <Failure error={error} retry={reload} />
        ) : (
          <Skeleton lines={8} />
        )
      ) : (
        <>
          <Facts alert={data} rule={rule} />
          <Deeds
            alert={data}
            onDone={() => {
              reload();
              onChange();
            }}
          />
          <History history={data.history} />
        </>
      )}
    </Dialog>
  );
}

/** Before and after the alert, so that its beginning is seen. */
const AROUND = 60_000;

function Facts({ alert, rule }: { alert: Alert; rule: Rule | undefined }) {
  const [, change] = useUrl();
  const value = (number: number) => valued(rule?.metric, number);
  const end = alert.resolved_at ?? new Date().toISOString();
  const iso = (at: string, by: number) => new Date(Date.parse(at) + by).toISOString();
  const service = alert.labels["service"] ?? (alert.key === "*" ? undefined : alert.key);
  const logs = address("/logs", {
    service,
    from: iso(alert.since, -AROUND),
    to: iso(end, AROUND),
  });
  const rows: [string, preact.ComponentChildren][] = [
    ["About", alert.key === "*" ? "all logs together" : alert.key],
    ["Condition held from", <Time key="since" at={alert.since} />],
    [
      alert.status === "pending" ? "Fires at the earliest" : "Fired",
      <Time key="fired" at={alert.firing_from} />,
    ],
    ["Over", alert.resolved_at ? <Time key="over" at={alert.resolved_at} /> : "not yet"],
    ["Peak", value(alert.peak)],
    ["Last", value(alert.last)],
  ];
  return (
    <>
      <p class="alert-head">
        <Status tone={STATUS_TONES[alert.status]}>{STATUS_TITLES[alert.status]}</Status>
        <SeverityBadge severity={alert.severity} />
        {rule && <span class="dim">{condition(rule)}</span>}
      </p>
      {alert.description && <p>{alert.description}</p>}
      <dl class="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <ul class="labels" aria-label="Labels">
        {Object.entries(alert.labels).map(([name, value]) => (
          <li key={name} class="badge">
            {name}={value}
          </li>
        ))}
      </ul>
      <p class="alert-links">
        <Link href={logs} class="button">
          Logs of that time
        </Link>
        {rule && (
          <button type="button" onClick={() => change({ alert: null, rule: rule.id })}>
            Its rule
          </button>
        )}
        {alert.status !== "resolved" && (
          <button
            type="button"
            onClick={() => change({ alert: null, silence: "new", match: JSON.stringify(silencedBy(alert)) })}
          >
            Silence it
          </button>
        )}
      </p>
    </>
  );
}

/** The labels that are this alert's and not many others'. */
function silencedBy({ labels }: Alert): Record<string, string> {
  const telling = ["alertname", "service", "host", "level", "template", "key"];
  return Object.fromEntries(Object.entries(labels).filter(([name]) => telling.includes(name)));
}

function Deeds({ alert, onDone }: { alert: Alert; onDone: () => void }) {
  const [comment, setComment] = useState("");
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  if (alert.status === "resolved" || alert.status === "pending") return null;

  async function say(deed: "acknowledge" | "resolve") {
    setBusy(true);
    setError(undefined);
    try {
      await act(alert.id, deed, comment);
      setComment("");
      onDone();
    } catch (failure) {
      setError(asApiError(failure));
    } finally {
      setBusy(false);
    }
  }

  return (
    <div class="deeds">
      <Field label="Comment" hint="Optional; others see it" error={error?.message}>
        <input maxLength={1000} value={comment} onInput={(event) => setComment(event.currentTarget.value)} />
      </Field>
      <div class="buttons">
        {!alert.acknowledged && (
          <button type="button" class="primary" disabled={isBusy} onClick={() => void say("acknowledge")}>
            Acknowledge
          </button>
        )}
        <button type="button" disabled={isBusy} onClick={() => void say("resolve")}>
          Resolve
        </button>
      </div>
    </div>
  );
}

const CAUSES = {
  condition: "",
  withdrawn: "taken back: late logs, or its rule was changed",
  person: "",
};

function History({ history }: { history: readonly Transition[] }) {
  return (
    <section aria-labelledby="alert-history">
      <h3 id="alert-history">What became of it</h3>
      <ol class="history">
        {history.map((step) => (
          <li key={step.id}>
            <span class="dim">
              <Time at={step.at} />
            </span>
            <div>
              <Status tone={STATUS_TONES[step.to]}>{STATUS_TITLES[step.to]}</Status>
              {step.who && <span> by {step.who}</span>}
              {CAUSES[step.cause] && <span class="dim"> {CAUSES[step.cause]}</span>}
              {step.comment && <p>{step.comment}</p>}
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}

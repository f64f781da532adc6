// Why a time was flagged: what was measured, what was expected, what each method says, and what the logs say.

import { useEffect } from "preact/hooks";
import { Link } from "wouter-preact";
import {
  type Anomaly,
  headline,
  logsOf,
  metricTitle,
  metricValue,
  newPattern,
  pageOf,
  serviceOf,
} from "../../api/anomalies";
import type { Incident } from "../../api/incidents";
import { SeverityBadge } from "../../parts/badge";
import { Card } from "../../parts/card";
import { Icon } from "../../parts/icon";
import { duration } from "../../parts/numbers";
import { Ago, Time } from "../../parts/time";
import { address } from "../../url";
import { Methods } from "./methods";
import { Samples } from "./samples";
import { Shifts } from "./shifts";
import { Windows } from "./windows";

export function Why({
  anomaly,
  incident,
  isChosen,
  class: place,
}: {
  anomaly: Anomaly;
  incident: Incident | undefined;
  isChosen: boolean;
  class: string;
}) {
  useEffect(() => {
    const shown = isChosen && document.querySelector(".why");
    if (!shown) return;
    const { top } = shown.getBoundingClientRect();
    if (top < 0 || top > window.innerHeight / 2) shown.scrollIntoView({ block: "start" });
  }, [isChosen]);
  const links = (
    <Link class="button" href={logsOf(anomaly)}>
      <Icon name="logs" /> Logs of this time
    </Link>
  );
  return (
    <Card
      title={serviceOf(anomaly)}
      note={<Said anomaly={anomaly} />}
      actions={links}
      class={`why ${place} ${isChosen ? "" : "why-unasked"}`}
    >
      <p class="why-headline">{headline(anomaly)}</p>
      {incident && <PartOf incident={incident} />}
      {newPattern(anomaly) ? <NewMessage anomaly={anomaly} /> : <Measured anomaly={anomaly} />}
      {!newPattern(anomaly) && <Shifts anomaly={anomaly} />}
      <Samples anomaly={anomaly} />
    </Card>
  );
}

function Said({ anomaly }: { anomaly: Anomaly }) {
  const length = Date.parse(anomaly.window_end) - Date.parse(anomaly.window_start);
  return (
    <span class="why-said">
      <SeverityBadge severity={anomaly.severity} />
      <span>
        <Time at={anomaly.window_start} />, for {duration(length)}, <Ago at={anomaly.window_end} />
      </span>
    </span>
  );
}

/** What it belongs to, unless it stands alone. */
function PartOf({ incident: { anomalies, suspects, started_at } }: { incident: Incident }) {
  const [first, ...others] = suspects;
  if (first === undefined || anomalies.length === 1) return null;
  const where = others.length === 0 ? "" : ` at ${others.length + 1} services`;
  return (
    <p>
      One of {anomalies.length} anomalies{where} that are one incident; it began at{" "}
      <Link href={pageOf(anomalies[0])}>
        <Time at={started_at} />
      </Link>
      {where && `, the likely first cause is ${first.service}`}.
    </p>
  );
}

function Measured({ anomaly }: { anomaly: Anomaly }) {
  const { metric_name: metric, evidence } = anomaly;
  const [low, high] = evidence.band;
  const sign = anomaly.deviation_percent > 0 ? "+" : "−";
  return (
    <>
      <dl class="why-figures">
        <div>
          <dt>{metricTitle(metric)}</dt>
          <dd>{metricValue(metric, anomaly.actual_value)}</dd>
        </div>
        <div>
          <dt>Expected</dt>
          <dd>{metricValue(metric, anomaly.expected_value)}</dd>
        </div>
        <div>
          <dt>Unremarkable</dt>
          <dd>
            {metricValue(metric, Math.max(low, 0))} to {metricValue(metric, high)}
          </dd>
        </div>
        <div>
          <dt>Deviation</dt>
          <dd>
            {sign}
            {Math.abs(anomaly.deviation_percent).toFixed(0)} %
          </dd>
        </div>
      </dl>
      <Windows anomaly={anomaly} />
      <Methods anomaly={anomaly} />
    </>
  );
}

function NewMessage({ anomaly }: { anomaly: Anomaly }) {
  const told = anomaly.description.split(": ").slice(1).join(": ");
  return (
    <div class="why-part">
      <h3>The message</h3>
      <p class="mono why-message">{told || anomaly.description}</p>
      <p>
        No log of {serviceOf(anomaly)} was like it before.{" "}
        <Link href={address("/patterns", { service: anomaly.service, pattern: newPattern(anomaly) })}>
          How often it came since
        </Link>
      </p>
    </div>
  );
}

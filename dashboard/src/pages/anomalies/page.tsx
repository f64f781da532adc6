// What detectors found, and why.

import { useMemo } from "preact/hooks";
import type { Anomaly } from "../../api/anomalies";
import { knownUpTo } from "../../api/health";
import type { Incident } from "../../api/incidents";
import { RANGE_MS, RANGES, type Range } from "../../api/metrics";
import { useView } from "../../api/view";
import { Card } from "../../parts/card";
import { Choice } from "../../parts/choice";
import { Empty, Failure, Skeleton } from "../../parts/empty";
import { count } from "../../parts/numbers";
import { PageHead } from "../../parts/page";
import { useChoice, useUrl } from "../../url";
import "./anomalies.css";
import { Filters, type Wanted } from "./filters";
import { AnomalyList } from "./list";
import { OverTime } from "./over-time";
import { Why } from "./why";

export default function AnomaliesPage() {
  const [params, change] = useUrl();
  const [range, setRange] = useChoice("time_range", ["1h", "15m", "6h", "24h"]);
  const wanted: Wanted = {
    metric: params.get("metric") ?? "",
    service: params.get("service") ?? "",
    severity: params.get("severity") ?? "",
  };
  const { rows, complete, error } = useView<Anomaly>("anomalies");
  const incidents = useView<Incident>("incidents");
  const all = useMemo(() => rows.map((row) => row.value).sort(newestFirst), [rows]);

  // a link to an anomaly shows it, however long ago it was
  const chosen = all.find((anomaly) => anomaly.id === params.get("id"));
  const to = useNow(range);
  const ofRange = useMemo(
    () => all.filter((anomaly) => Date.parse(anomaly.window_end) > to - RANGE_MS[range]),
    [all, to, range],
  );
  const shown = ofRange.filter((anomaly) => isWanted(anomaly, wanted));
  const open = chosen ?? shown[0];
  const incident = open && incidents.rows.find(({ value }) => value.anomalies.includes(open.id))?.value;

  return (
    <>
      <PageHead title="Anomalies" note={complete && `${count(shown.length)} in the last ${range}`}>
        <Filters anomalies={ofRange} wanted={wanted} change={change} />
        <Choice label="Time range" options={RANGES} value={range} onChange={setRange} />
      </PageHead>
      {error ? (
        <Failure error={error} />
      ) : !complete ? (
        <Skeleton lines={10} />
      ) : (
        <div class="grid">
          <OverTime anomalies={shown} from={to - RANGE_MS[range]} to={to} range={range} />
          {shown.length === 0 && !open ? (
            <Card title="Nothing found">
              <Empty title="Nothing unusual in this time">
                Detectors compare each window of ten seconds of each service with the windows before it. They
                need some minutes of past before they say anything.
              </Empty>
            </Card>
          ) : (
            <>
              <AnomalyList
                anomalies={shown}
                openId={open?.id}
                onOpen={(id) => change({ id }, { push: true })}
                class="span-4"
              />
              {open && (
                <Why
                  key={open.id}
                  anomaly={open}
                  incident={incident}
                  isChosen={open === chosen}
                  class="span-8"
                />
              )}
            </>
          )}
        </div>
      )}
    </>
  );
}

/** The time up to which things are shown: that of the logs, which may be of long ago, in steps that change the page. */
function useNow(range: Range): number {
  const step = RANGE_MS[range] / 90;
  return Math.ceil(knownUpTo() / step) * step;
}

function isWanted(anomaly: Anomaly, { metric, service, severity }: Wanted): boolean {
  return (
    (!metric || anomaly.metric_name === metric) &&
    (!service || anomaly.service === service) &&
    (!severity || anomaly.severity === severity)
  );
}

function newestFirst(a: Anomaly, b: Anomaly): number {
  return b.window_end.localeCompare(a.window_end) || b.score - a.score || a.id.localeCompare(b.id);
}

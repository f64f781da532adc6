// How much is logged, level by level, with what was noticed about it.

import { useMemo } from "preact/hooks";
import { useLocation } from "wouter-preact";
import type { AlertRow } from "../../api/alerts-view";
import { type Anomaly, headline, serviceOf } from "../../api/anomalies";
import { INTERVAL, INTERVAL_MS, type Range, times, timeseries } from "../../api/metrics";
import { usePoll } from "../../api/poll";
import { LEVELS_FROM_BOTTOM, levelColor } from "../../charts/levels";
import type { Mark } from "../../charts/marks";
import { StackedChart } from "../../charts/stacked";
import { LEVELS } from "../../parts/badge";
import { Card } from "../../parts/card";
import { Failure, Skeleton } from "../../parts/empty";
import { address } from "../../url";

export interface VolumeProps {
  range: Range;
  anomalies: readonly Anomaly[];
  alerts: readonly AlertRow[];
  class: string;
}

export function Volume({ range, anomalies, alerts, class: place }: VolumeProps) {
  const [, go] = useLocation();
  const { data, error, reload } = usePoll(
    range,
    (signal) => timeseries({ metric: "log_volume", range, levels: LEVELS }, signal),
    5000,
  );
  const shown = useMemo(() => {
    const series = LEVELS_FROM_BOTTOM.map((level) => {
      const of = data?.find((one) => one.level === level);
      return {
        name: level,
        color: levelColor(level),
        values: (of?.points ?? []).map((point) => point.value ?? 0),
      };
    });
    // levels that nobody logs would only be colours in the legend
    return {
      times: times(data?.[0]),
      series: series.filter(({ values }) => values.some((value) => value > 0)),
    };
  }, [data]);
  const marks = marksOf(anomalies, alerts);
  const select = (from: number, to: number) => {
    const [start_time, end_time] = [new Date(from).toISOString(), new Date(to).toISOString()];
    go(address("/logs", { start_time, end_time }));
  };
  return (
    <Card
      title="Log volume"
      note={`per ${INTERVAL[range]}, by level; drag to see the logs of a time`}
      class={place}
    >
      {!data && error ? (
        <Failure error={error} retry={reload} />
      ) : data ? (
        <StackedChart
          label={`Logs by level over the last ${range}, with ${marks.length} marks of anomalies and alerts`}
          height={260}
          step={INTERVAL_MS[INTERVAL[range]]}
          marks={marks}
          onSelect={select}
          {...shown}
        />
      ) : (
        <Skeleton lines={8} />
      )}
    </Card>
  );
}

/** Alerts, and those anomalies that are grave: a mark for each of the others would hide the chart. */
function marksOf(anomalies: readonly Anomaly[], alerts: readonly AlertRow[]): Mark[] {
  const grave = anomalies.filter((anomaly) => anomaly.severity === "critical" || anomaly.service === null);
  return [
    ...grave.map(
      (anomaly): Mark => ({
        at: Date.parse(anomaly.window_start),
        label: `${serviceOf(anomaly)}: ${headline(anomaly)}`,
        tone: "warn",
      }),
    ),
    ...alerts.map(
      (alert): Mark => ({
        at: Date.parse(alert.firing_from),
        until: alert.resolved_at ? Date.parse(alert.resolved_at) : Date.now(),
        label: `Alert ${alert.rule}: ${alert.key === "*" ? "all services" : alert.key}`,
        tone: "bad",
      }),
    ),
  ];
}

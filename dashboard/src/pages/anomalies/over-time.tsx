// How many anomalies there were when.

import { useMemo } from "preact/hooks";
import type { Anomaly } from "../../api/anomalies";
import { RANGE_MS, type Range } from "../../api/metrics";
import type { Color } from "../../charts/look";
import { StackedChart } from "../../charts/stacked";
import { SEVERITIES, type Severity } from "../../parts/badge";
import { Card } from "../../parts/card";
import { clockTime } from "../../parts/time";

const COLORS: Record<Severity, Color> = {
  critical: "bad",
  high: "fill-error",
  medium: "fill-warn",
  low: "fill-info",
};
const BARS = 90;

export interface OverTimeProps {
  anomalies: readonly Anomaly[];
  from: number;
  to: number;
  range: Range;
}

export function OverTime({ anomalies, from, to, range }: OverTimeProps) {
  const step = RANGE_MS[range] / BARS;
  const { times, series } = useMemo(() => {
    const times = Array.from({ length: BARS }, (_, bar) => from + bar * step);
    const series = SEVERITIES.map((severity) => {
      const values = new Array<number>(BARS).fill(0);
      for (const anomaly of anomalies) {
        const bar = Math.floor((Date.parse(anomaly.window_start) - from) / step);
        if (anomaly.severity === severity && values[bar] !== undefined) values[bar] += 1;
      }
      return { name: severity, color: COLORS[severity], values };
    });
    return { times, series };
  }, [anomalies, from, step]);
  return (
    <Card title="Over time" note={`anomalies up to ${clockTime(new Date(to))}, by severity`}>
      <StackedChart
        label={`${anomalies.length} anomalies over the last ${range}, by severity`}
        height={120}
        times={times}
        step={step}
        series={series}
      />
    </Card>
  );
}

// What the rule measures, about as it measures it, with its threshold and where it would have fired.

import type { Backtest, Metric, Rule } from "../../api/alerts";
import { type Asked, INTERVAL, INTERVAL_MS, type Range, times, timeseries } from "../../api/metrics";
import { usePoll } from "../../api/poll";
import { type Line, LineChart } from "../../charts/lines";
import type { Color } from "../../charts/look";
import type { Mark } from "../../charts/marks";
import { valued } from "./words";

const SERIES: Partial<Record<Metric, Asked["metric"]>> = {
  count: "log_volume",
  absence: "log_volume",
  error_rate: "error_rate",
  latency_p95: "latency_p95",
};

const COLORS: readonly Color[] = ["chart-line", "fill-fatal", "fill-warn", "good"];

export function BacktestChart({ rule, test, range }: { rule: Rule; test: Backtest; range: Range }) {
  const metric = SERIES[rule.metric];
  const services = servicesOf(rule, test);
  const levels = metric === "log_volume" ? rule.levels : [];
  const { data } = usePoll(
    metric ? `${test.from} ${metric} ${services.join()} ${levels.join()}` : null,
    (signal) => timeseries({ metric: metric ?? "log_volume", range, services, levels }, signal),
    0,
  );
  const first = data?.[0];
  if (!metric || !first) return null;
  const step = INTERVAL_MS[INTERVAL[range]];
  const at = times(first);
  const drawn = services.length ? services : [null];
  const lines: Line[] = drawn.map((service, index) => ({
    name: service ?? "all services",
    color: COLORS[index % COLORS.length] ?? "chart-line",
    values: sum(
      data
        .filter((series) => series.service === service)
        .map(({ points }) => points.map(({ value }) => value)),
    ),
  }));
  const isComparable = metric !== "log_volume" || length(rule.time_window) === step;
  if (rule.threshold !== null && rule.metric !== "absence" && isComparable) {
    const threshold = rule.threshold;
    lines.push({ name: "threshold", color: "bad", dashed: true, values: at.map(() => threshold) });
  }
  return (
    <>
      <LineChart
        label={`What ${rule.name} measures, with the times in which it would have fired`}
        height={180}
        times={at}
        step={step}
        lines={lines}
        marks={marks(test)}
        format={(value) => valued(rule.metric, value)}
      />
      {!isComparable && (
        <p class="dim small">
          Drawn are logs in {INTERVAL[range]}; the rule counts those in {rule.time_window}.
        </p>
      )}
    </>
  );
}

/** The services that it would have told of, else those that it looks at. */
function servicesOf(rule: Rule, test: Backtest): string[] {
  if (rule.group_by === "service") {
    const told = [...new Set(test.alerts.map(({ key }) => key))];
    if (told.length) return told.slice(0, COLORS.length);
  }
  return rule.services.filter((service) => !service.endsWith("*")).slice(0, COLORS.length);
}

/** Levels together. */
function sum(series: (number | null)[][]): (number | null)[] {
  const [first, ...rest] = series;
  return (first ?? []).map((value, index) =>
    rest.reduce<number | null>((total, other) => {
      const more = other[index];
      return more === null || more === undefined ? total : (total ?? 0) + more;
    }, value),
  );
}

function marks(test: Backtest): Mark[] {
  return test.alerts
    .filter(({ status }) => status !== "pending")
    .map(({ key, firing_from: from, resolved_at: to }) => ({
      at: Date.parse(from),
      until: Date.parse(to ?? test.to),
      label: `fires${key === "*" ? "" : `: ${key}`}`,
      tone: "bad",
    }));
}

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A length of time as rules have it: `5m`, `1h 30m`. */
function length(text: string): number {
  const parts = text.matchAll(/(\d+)\s*([smhd])/g);
  return [...parts].reduce((sum, [, many, unit]) => sum + Number(many) * (UNITS[unit ?? ""] ?? 0), 0);
}

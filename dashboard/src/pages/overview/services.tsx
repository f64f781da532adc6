// How each service is.

import { useMemo } from "preact/hooks";
import { Link } from "wouter-preact";
import type { ApiError } from "../../api/client";
import { MOST_SERIES, type Range, type ServiceRow, timeseries } from "../../api/metrics";
import { usePoll } from "../../api/poll";
import { Sparkline } from "../../charts/sparkline";
import { healthTone, Status } from "../../parts/badge";
import { Card } from "../../parts/card";
import { Empty, Failure, Skeleton } from "../../parts/empty";
import { compact, count, duration, points } from "../../parts/numbers";
import { type Column, Table } from "../../parts/table";
import { address, useUrl } from "../../url";

export interface ServicesProps {
  rows: readonly ServiceRow[] | undefined;
  error: ApiError | undefined;
  range: Range;
}

type Past = Map<string, (number | null)[]>;

export function Services({ rows, error, range }: ServicesProps) {
  const [params, change] = useUrl();
  const sort = params.get("sort") ?? "-risk";
  const past = usePast(rows, range);
  const columns = useMemo(() => columnsOf(past, range), [past, range]);
  return (
    <Card title="Services" note={rows && `${count(rows.length)} that logged`} flush>
      {error && !rows ? (
        <Failure error={error} />
      ) : !rows ? (
        <div class="inset">
          <Skeleton lines={8} />
        </div>
      ) : rows.length === 0 ? (
        <Empty title="No service has logged in this time" icon="logs">
          Send a log:{" "}
          <code>curl -d '&#123;"service":"mine","message":"hello"&#125;' {location.origin}/api/v1/logs</code>
        </Empty>
      ) : (
        <Table
          label="How each service is"
          columns={columns}
          rows={rows}
          keyOf={(row) => row.service}
          sort={sort}
          onSort={(sort) => change({ sort: sort === "-risk" ? null : sort })}
        />
      )}
    </Card>
  );
}

/** The volume of each service over time. */
function usePast(rows: readonly ServiceRow[] | undefined, range: Range): Past | undefined {
  const names = (rows ?? []).slice(0, MOST_SERIES).map((row) => row.service);
  const key = names.length ? `${range} ${names.join()}` : null;
  const { data } = usePoll(
    key,
    (signal) => timeseries({ metric: "log_volume", range, services: names }, signal),
    10_000,
  );
  return useMemo(() => {
    // the interval under way is not full yet: it would always look like a drop
    const of = data?.map(
      ({ service, points }) => [service ?? "", points.slice(0, -1).map((point) => point.value)] as const,
    );
    return of && new Map(of);
  }, [data]);
}

const HEALTH_ORDER = ["unhealthy", "degraded", "healthy"];

function columnsOf(past: Past | undefined, range: Range): Column<ServiceRow>[] {
  return [
    {
      name: "service",
      title: "Service",
      cell: (row) => (
        <Link class="service-name" href={address("/logs", { service: row.service, time_range: range })}>
          {row.service}
        </Link>
      ),
      sortBy: (row) => row.service,
    },
    {
      name: "health",
      title: "Health",
      cell: (row) => <Status tone={healthTone(row.health)}>{row.health}</Status>,
      sortBy: (row) => HEALTH_ORDER.indexOf(row.health),
    },
    {
      name: "past",
      title: "Volume",
      isMinor: true,
      cell: (row) => (
        <div class="spark-cell">
          <Sparkline label={`Volume of ${row.service} over time`} values={past?.get(row.service) ?? []} />
        </div>
      ),
    },
    {
      name: "rate",
      title: "Logs/min",
      isNumber: true,
      isMinor: true,
      cell: (row) => compact(row.rate),
      sortBy: (row) => row.rate,
    },
    {
      name: "errors",
      title: "Errors",
      isNumber: true,
      cell: (row) => points(row.error_rate),
      sortBy: (row) => row.error_rate,
    },
    {
      name: "p95",
      title: "p95",
      isNumber: true,
      isMinor: true,
      cell: (row) => (row.p95 === null ? <span class="dim">none</span> : duration(row.p95)),
      sortBy: (row) => row.p95 ?? -1,
    },
    {
      name: "anomalies",
      title: "Anomalies",
      isNumber: true,
      isMinor: true,
      cell: (row) =>
        row.anomalies ? (
          <Link href={address("/anomalies", { service: row.service, time_range: range })}>
            {row.anomalies}
          </Link>
        ) : (
          <span class="dim">0</span>
        ),
      sortBy: (row) => row.anomalies,
    },
    {
      name: "risk",
      title: "Risk",
      isNumber: true,
      cell: (row) => <Risk score={row.risk_score} />,
      sortBy: (row) => row.risk_score,
    },
  ];
}

/** From 0 to 10, as a number and a bar. */
function Risk({ score }: { score: number }) {
  const tone = score >= 7 ? "bad" : score >= 4 ? "warn" : "good";
  return (
    <span class="risk">
      <svg class={`risk-bar risk-${tone}`} aria-hidden="true">
        <rect class="risk-all" width="100%" height="100%" rx="2" />
        <rect width={`${score * 10}%`} height="100%" rx="2" />
      </svg>
      {score.toFixed(1)}
    </span>
  );
}

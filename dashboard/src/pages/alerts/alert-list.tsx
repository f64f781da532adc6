// Alerts as a table: what is open first, then what is over.

import type { Alert, AlertPage, Rule, Silence } from "../../api/alerts";
import type { Loaded } from "../../api/poll";
import { SeverityBadge, Status } from "../../parts/badge";
import { Card } from "../../parts/card";
import { Choice } from "../../parts/choice";
import { Empty, Failure, Skeleton } from "../../parts/empty";
import { count, duration } from "../../parts/numbers";
import { type Column, Table } from "../../parts/table";
import { Ago, clock } from "../../parts/time";
import { useChoice, useUrl } from "../../url";
import { isSilenced } from "./silenced";
import { metricOf, STATUS_TITLES, STATUS_TONES, valued } from "./words";

const VIEWS = ["open", "firing", "acknowledged", "pending", "resolved", "all"] as const;
type View = (typeof VIEWS)[number];

const RANKS = { firing: 0, no_data: 1, acknowledged: 2, pending: 3, resolved: 4 };

export interface AlertListProps {
  found: Loaded<AlertPage>;
  silences: readonly Silence[];
  rules: readonly Rule[];
}

export function AlertList({ found, silences, rules }: AlertListProps) {
  const [view, setView] = useChoice("view", VIEWS);
  const { data, error, reload } = found;
  const chosen = (data?.alerts ?? []).filter((alert) => isIn(view, alert));
  const rows = [...chosen].sort(
    (a, b) => RANKS[a.status] - RANKS[b.status] || b.since.localeCompare(a.since),
  );
  return (
    <Card
      title={view === "resolved" || view === "all" ? "Alerts" : "Open alerts"}
      note={data && count(rows.length)}
      flush
      actions={
        <Choice
          label="Which alerts"
          options={VIEWS.map((value) => ({ value, title: value[0]?.toUpperCase() + value.slice(1) }))}
          value={view}
          onChange={setView}
        />
      }
    >
      {error && <Failure error={error} retry={reload} />}
      {!data && !error && (
        <div class="padded">
          <Skeleton lines={5} />
        </div>
      )}
      {data && !rows.length && (
        <Empty title={view === "open" ? "Nothing fires" : "None of these"}>
          {data.alerts.length
            ? "What fired before is under Resolved."
            : "No rule has ever fired here. Rules say when somebody is to be told."}
        </Empty>
      )}
      {rows.length > 0 && <AlertTable rows={rows} silences={silences} rules={rules} />}
      {data?.next_cursor && (
        <p class="padded dim small">Only the newest {count(data.alerts.length)} alerts are looked at.</p>
      )}
    </Card>
  );
}

function isIn(view: View, { status }: Alert): boolean {
  if (view === "all") return true;
  if (view === "open") return status !== "resolved";
  if (view === "firing") return status === "firing" || status === "no_data";
  return status === view;
}

interface AlertTableProps {
  rows: readonly Alert[];
  silences: readonly Silence[];
  rules: readonly Rule[];
}

function AlertTable({ rows, silences, rules }: AlertTableProps) {
  const [params, change] = useUrl();
  const columns: Column<Alert>[] = [
    {
      name: "rule",
      title: "Alert",
      cell: (alert) => (
        <button
          type="button"
          class="link alert-name"
          aria-haspopup="dialog"
          onClick={() => change({ alert: alert.id }, { push: true })}
        >
          {alert.rule} <span class="dim">{alert.key === "*" ? "all" : alert.key}</span>
        </button>
      ),
      sortBy: ({ rule, key }) => `${rule} ${key}`,
    },
    {
      name: "status",
      title: "Status",
      cell: (alert) => (
        <span class="alert-status">
          <Status tone={STATUS_TONES[alert.status]}>{STATUS_TITLES[alert.status]}</Status>
          {alert.acknowledged && alert.status === "acknowledged" && (
            <span class="dim"> by {alert.acknowledged.who}</span>
          )}
          {alert.status !== "resolved" && silences.some((silence) => isSilenced(silence, alert.labels)) && (
            <span class="badge">silenced</span>
          )}
        </span>
      ),
      sortBy: ({ status }) => RANKS[status],
    },
    {
      name: "severity",
      title: "Severity",
      cell: ({ severity }) => <SeverityBadge severity={severity} />,
      sortBy: ({ severity }) => ["critical", "high", "medium", "low"].indexOf(severity),
    },
    {
      name: "peak",
      title: "Peak",
      cell: ({ rule_id: rule, peak }) => valued(metricOf(rules, rule), peak),
      isNumber: true,
      isMinor: true,
    },
    {
      name: "since",
      title: "Began",
      cell: ({ since }) => <Ago at={since} />,
      isNumber: true,
      sortBy: ({ since }) => since,
    },
    {
      name: "lasted",
      title: "Lasted",
      cell: (alert) => duration(lasted(alert)),
      isNumber: true,
      isMinor: true,
      sortBy: lasted,
    },
    { name: "description", title: "Meaning", cell: ({ description }) => description, isMinor: true },
  ];
  const sort = params.get("sort");
  return (
    <Table
      label="Alerts"
      columns={columns}
      rows={rows}
      keyOf={({ id }) => id}
      {...(sort && { sort })}
      onSort={(sort) => change({ sort })}
    />
  );
}

function lasted({ since, status, resolved_at: end, changed_at: changed }: Alert): number {
  // what was taken back has no end of its own
  const until = status === "resolved" ? Date.parse(end ?? changed) : clock.value;
  return Math.max(0, Math.floor((until - Date.parse(since)) / 1000) * 1000);
}

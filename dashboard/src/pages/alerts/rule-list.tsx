// Rules as a table, each with a switch.

import { useState } from "preact/hooks";
import { type Alert, changeRule, draftOf, type Rule } from "../../api/alerts";
import type { ApiError } from "../../api/client";
import { asApiError, type Loaded } from "../../api/poll";
import { SeverityBadge, Status } from "../../parts/badge";
import { Card } from "../../parts/card";
import { Empty } from "../../parts/empty";
import { count } from "../../parts/numbers";
import { type Column, Table } from "../../parts/table";
import { Waiting } from "../../parts/waiting";
import { useUrl } from "../../url";
import { Switch } from "./switch";
import { condition, scope } from "./words";

export function RuleList({ known, open }: { known: Loaded<Rule[]>; open: readonly Alert[] }) {
  const [params, change] = useUrl();
  const [failed, setFailed] = useState<ApiError>();
  const { data, error, reload } = known;

  async function turn(rule: Rule, isActive: boolean) {
    try {
      await changeRule(rule, { ...draftOf(rule), is_active: isActive });
      setFailed(undefined);
    } catch (failure) {
      setFailed(asApiError(failure));
    }
    reload();
  }

  const alertsOf = (rule: Rule) =>
    open.filter(({ rule_id: id, status }) => id === rule.id && status !== "pending");
  const columns: Column<Rule>[] = [
    {
      name: "name",
      title: "Rule",
      cell: (rule) => (
        <button
          type="button"
          class="link"
          aria-haspopup="dialog"
          onClick={() => change({ rule: rule.id }, { push: true })}
        >
          {rule.name}
        </button>
      ),
      sortBy: ({ name }) => name,
    },
    {
      name: "state",
      title: "State",
      cell: (rule) => {
        const many = alertsOf(rule).length;
        if (!rule.is_active) return <Status tone="plain">off</Status>;
        return many ? (
          <Status tone="bad">{`${count(many)} firing`}</Status>
        ) : (
          <Status tone="good">quiet</Status>
        );
      },
      sortBy: (rule) => (rule.is_active ? alertsOf(rule).length : -1),
    },
    { name: "condition", title: "Condition", cell: condition },
    { name: "scope", title: "Of which logs", cell: scope, isMinor: true },
    {
      name: "severity",
      title: "Severity",
      cell: ({ severity }) => <SeverityBadge severity={severity} />,
      isMinor: true,
      sortBy: ({ severity }) => ["critical", "high", "medium", "low"].indexOf(severity),
    },
    {
      name: "channel",
      title: "Tells",
      cell: ({ notification_channel: channel }) => channel ?? <span class="dim">nobody</span>,
      isMinor: true,
    },
    {
      name: "owner",
      title: "Owner",
      cell: ({ owner }) => owner,
      isMinor: true,
      sortBy: ({ owner }) => owner,
    },
    {
      name: "actions",
      title: "",
      cell: (rule) => (
        <span class="row-actions">
          <button
            type="button"
            class="quiet"
            aria-label={`Back-test ${rule.name}`}
            onClick={() => change({ backtest: rule.id }, { push: true })}
          >
            Back-test
          </button>
          <Switch
            label={`${rule.name} is on`}
            isOn={rule.is_active}
            onChange={(isOn) => void turn(rule, isOn)}
          />
        </span>
      ),
      isNumber: true,
    },
  ];
  return (
    <Card title="Rules" note="When somebody is to be told" flush>
      {failed && (
        <p class="padded bad" role="alert">
          {failed.message}
        </p>
      )}
      {!data && <Waiting error={error} retry={reload} lines={4} />}
      {data?.length === 0 && (
        <Empty title="No rules yet" icon="alerts">
          A rule says what is measured, what is too much, and who is to be told.{" "}
          <button type="button" onClick={() => change({ rule: "new" }, { push: true })}>
            Make the first one
          </button>
        </Empty>
      )}
      {data && data.length > 0 && (
        <Table
          label="Rules"
          columns={columns}
          rows={data}
          keyOf={({ id }) => id}
          sort={params.get("rules") ?? "name"}
          onSort={(sort) => change({ rules: sort })}
        />
      )}
    </Card>
  );
}

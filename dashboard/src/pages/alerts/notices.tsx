// Who is told by which rule, and what could not be told.

import { useState } from "preact/hooks";
import { type DeadNotice, deadNotices, type Rule, requeue } from "../../api/alerts";
import type { ApiError } from "../../api/client";
import { asApiError, usePoll } from "../../api/poll";
import { Card } from "../../parts/card";
import { Empty } from "../../parts/empty";
import { count } from "../../parts/numbers";
import { type Column, Table } from "../../parts/table";
import { Time } from "../../parts/time";
import { Waiting } from "../../parts/waiting";
import { useUrl } from "../../url";

export function Notices({ rules }: { rules: readonly Rule[] }) {
  return (
    <>
      <Card title="Receivers" note="Where rules send their notices" flush>
        <Receivers rules={rules} />
      </Card>
      <Undelivered />
    </>
  );
}

interface Receiver {
  channel: string;
  where: string;
  rules: Rule[];
}

function Receivers({ rules }: { rules: readonly Rule[] }) {
  const [, change] = useUrl();
  const receivers = new Map<string, Receiver>();
  for (const rule of rules) {
    if (!rule.notification_channel) continue;
    const where = whereOf(rule);
    const key = `${rule.notification_channel} ${where}`;
    const receiver = receivers.get(key) ?? { channel: rule.notification_channel, where, rules: [] };
    receiver.rules.push(rule);
    receivers.set(key, receiver);
  }
  if (!receivers.size) {
    return <Empty title="Nobody is told">Rules say where their notices go. None of them does yet.</Empty>;
  }
  const columns: Column<Receiver>[] = [
    { name: "channel", title: "Channel", cell: ({ channel }) => channel },
    { name: "where", title: "Where", cell: ({ where }) => <span class="mono">{where || "–"}</span> },
    {
      name: "rules",
      title: "By rules",
      cell: ({ rules }) =>
        rules.map((rule) => (
          <button
            type="button"
            class="link spaced"
            key={rule.id}
            onClick={() => change({ rule: rule.id }, { push: true })}
          >
            {rule.name}
          </button>
        )),
    },
  ];
  return (
    <Table
      label="Receivers"
      columns={columns}
      rows={[...receivers.values()]}
      keyOf={({ channel, where }) => `${channel} ${where}`}
    />
  );
}

/** What tells one receiver of a channel from another. Secrets come masked. */
function whereOf({ notification_config: config }: Rule): string {
  const told = config?.["url"] ?? config?.["to"] ?? config?.["host"] ?? "";
  return Array.isArray(told) ? told.join(", ") : String(told);
}

function Undelivered() {
  const { data, error, reload } = usePoll("notices", deadNotices, 5000);
  const [failed, setFailed] = useState<ApiError>();

  async function again(notice: DeadNotice) {
    try {
      await requeue(notice.id);
      setFailed(undefined);
    } catch (failure) {
      setFailed(asApiError(failure));
    }
    reload();
  }

  const columns: Column<DeadNotice>[] = [
    { name: "channel", title: "Channel", cell: ({ channel }) => channel },
    { name: "died", title: "Given up", cell: ({ died_at: at }) => <Time at={at} /> },
    {
      name: "attempts",
      title: "Tries",
      cell: ({ attempts }) => count(attempts),
      isNumber: true,
      isMinor: true,
    },
    { name: "reason", title: "Why", cell: ({ reason }) => <span class="wraps">{reason}</span> },
    {
      name: "again",
      title: "",
      cell: (notice) => (
        <button type="button" onClick={() => void again(notice)}>
          Send again
        </button>
      ),
      isNumber: true,
    },
  ];
  return (
    <Card title="Undelivered notices" note={data && `${count(data.waiting)} more wait to be sent`} flush>
      {failed && (
        <p class="padded bad" role="alert">
          {failed.message}
        </p>
      )}
      {!data && <Waiting error={error} retry={reload} />}
      {data?.dead_letters.length === 0 && <Empty title="Every notice arrived, or is on its way" />}
      {data && data.dead_letters.length > 0 && (
        <Table
          label="Undelivered notices"
          columns={columns}
          rows={data.dead_letters}
          keyOf={({ id }) => id}
        />
      )}
    </Card>
  );
}

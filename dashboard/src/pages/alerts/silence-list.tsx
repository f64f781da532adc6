// Silences: who is not told of what, until when, and why.

import { useState } from "preact/hooks";
import { endSilence, type Matcher, type Silence } from "../../api/alerts";
import type { ApiError } from "../../api/client";
import { asApiError, type Loaded } from "../../api/poll";
import { Status } from "../../parts/badge";
import { Card } from "../../parts/card";
import { Empty } from "../../parts/empty";
import { type Column, Table } from "../../parts/table";
import { Time } from "../../parts/time";
import { Waiting } from "../../parts/waiting";
import { useUrl } from "../../url";

const TONES = { active: "accent", pending: "warn", expired: "plain" } as const;
const TITLES = { active: "on", pending: "not yet", expired: "over" } as const;
const RANKS = { active: 0, pending: 1, expired: 2 };

export function SilenceList({ known }: { known: Loaded<Silence[]> }) {
  const [, change] = useUrl();
  const [failed, setFailed] = useState<ApiError>();
  const { data, error, reload } = known;

  async function end(silence: Silence) {
    try {
      await endSilence(silence.id);
      setFailed(undefined);
    } catch (failure) {
      setFailed(asApiError(failure));
    }
    reload();
  }

  const columns: Column<Silence>[] = [
    {
      name: "matchers",
      title: "Alerts of",
      cell: ({ matchers }) => <span class="mono">{matchers.map(shown).join(" ")}</span>,
    },
    {
      name: "state",
      title: "State",
      cell: ({ state }) => <Status tone={TONES[state]}>{TITLES[state]}</Status>,
    },
    { name: "from", title: "From", cell: ({ starts_at: at }) => <Time at={at} />, isMinor: true },
    { name: "until", title: "Until", cell: ({ ends_at: at }) => <Time at={at} /> },
    { name: "who", title: "By", cell: ({ created_by: who }) => who, isMinor: true },
    { name: "why", title: "Why", cell: ({ comment }) => comment },
    {
      name: "end",
      title: "",
      cell: (silence) =>
        silence.state !== "expired" && (
          <button type="button" class="quiet" onClick={() => void end(silence)}>
            End now
          </button>
        ),
      isNumber: true,
    },
  ];
  const rows = [...(data ?? [])].sort(
    (a, b) => RANKS[a.state] - RANKS[b.state] || b.ends_at.localeCompare(a.ends_at),
  );
  return (
    <Card title="Silences" note="Nobody is told, for a while" flush>
      {failed && (
        <p class="padded bad" role="alert">
          {failed.message}
        </p>
      )}
      {!data && <Waiting error={error} retry={reload} />}
      {data?.length === 0 && (
        <Empty title="No silences">
          During an upgrade, say, alerts go on and nobody is told.{" "}
          <button type="button" onClick={() => change({ silence: "new" }, { push: true })}>
            Make one
          </button>
        </Empty>
      )}
      {rows.length > 0 && <Table label="Silences" columns={columns} rows={rows} keyOf={({ id }) => id} />}
    </Card>
  );
}

export function shown({ name, value, isRegex, isEqual }: Matcher): string {
  const sign = isRegex ? (isEqual ? "=~" : "!~") : isEqual ? "=" : "!=";
  return `${name}${sign}"${value}"`;
}

// What messages have in common: new ones first, then those that come most.

import { useMemo, useState } from "preact/hooks";
import { type Pattern, patterns } from "../../api/patterns";
import { usePoll } from "../../api/poll";
import { LevelBadge } from "../../parts/badge";
import { Card } from "../../parts/card";
import { Choice } from "../../parts/choice";
import { Empty, Failure, Skeleton } from "../../parts/empty";
import { Icon } from "../../parts/icon";
import { compact, count, points } from "../../parts/numbers";
import { PageHead } from "../../parts/page";
import { ServiceSelect } from "../../parts/select";
import { type Column, Table } from "../../parts/table";
import { Ago } from "../../parts/time";
import { useChoice, useUrl } from "../../url";
import { PatternDetails } from "./details";
import "./patterns.css";
import { Template } from "./template";

const RANGES = ["1h", "5m", "15m", "30m", "6h", "24h"] as const;
const IN_ORDER = ["5m", "15m", "30m", "1h", "6h", "24h"] as const;
const MOST = 500;

export default function PatternsPage() {
  const [params, change] = useUrl();
  const [range, setRange] = useChoice("time_range", RANGES);
  const service = params.get("service") ?? "";
  const onlyNew = params.get("new") === "true";
  const query = { time_range: range, service, new: onlyNew ? "true" : null, limit: MOST };
  const { data, error, reload } = usePoll(JSON.stringify(query), (signal) => patterns(query, signal), 5000);
  const note =
    data &&
    `${count(data.patterns.length)}${data.next_cursor ? " most frequent" : ""} templates in ${compact(data.total_logs)} logs`;
  return (
    <>
      <PageHead title="Patterns" note={note}>
        <Choice label="Time range" options={IN_ORDER} value={range} onChange={setRange} />
      </PageHead>
      <Card
        title="Message templates"
        flush
        actions={
          <Wanted service={service} onlyNew={onlyNew} text={params.get("text") ?? ""} change={change} />
        }
      >
        {error && !data ? (
          <Failure error={error} retry={reload} />
        ) : !data ? (
          <div class="patterns-waiting">
            <Skeleton lines={10} />
          </div>
        ) : (
          <List patterns={data.patterns} from={data.from} to={data.to} />
        )}
      </Card>
    </>
  );
}

interface WantedProps {
  service: string;
  onlyNew: boolean;
  text: string;
  change: (changes: Record<string, string | null>) => void;
}

function Wanted({ service, onlyNew, text, change }: WantedProps) {
  return (
    <>
      <input
        type="search"
        class="patterns-text"
        aria-label="Words of the template"
        placeholder="Words of the template"
        value={text}
        onInput={(event) => change({ text: event.currentTarget.value })}
      />
      <ServiceSelect value={service} onChange={(chosen) => change({ service: chosen })} />
      <label class="patterns-new">
        <input
          type="checkbox"
          checked={onlyNew}
          onChange={(event) => change({ new: event.currentTarget.checked ? "true" : null })}
        />
        Only new ones
      </label>
    </>
  );
}

function List({ patterns, from, to }: { patterns: readonly Pattern[]; from: string; to: string }) {
  const [params, change] = useUrl();
  const [sort, setSort] = useState("new");
  const text = (params.get("text") ?? "").toLowerCase();
  const open = params.get("pattern");
  const fitting = useMemo(() => {
    const words = text.split(/\s+/).filter(Boolean);
    const fits = ({ pattern, service }: Pattern) =>
      words.every((word) => `${service} ${pattern}`.toLowerCase().includes(word));
    return patterns.filter(fits);
  }, [patterns, text]);
  const most = Math.max(...patterns.map(({ share }) => share), 0.01);
  const chosen = open ? patterns.find((pattern) => isCalled(pattern, open)) : undefined;
  if (!fitting.length) {
    return (
      <Empty title="No template fits" icon="patterns">
        Take a longer time, all services, or other words.
      </Empty>
    );
  }
  return (
    <>
      <Table
        label="Message templates"
        columns={columns(most, (pattern) => change({ pattern: keyOf(pattern) }))}
        rows={fitting}
        keyOf={keyOf}
        sort={sort}
        onSort={setSort}
        rowClass={(pattern) => (pattern.new ? "pattern-new" : undefined)}
      />
      {chosen && (
        <PatternDetails pattern={chosen} from={from} to={to} onClose={() => change({ pattern: null })} />
      )}
    </>
  );
}

function keyOf({ service, pattern_id }: Pattern): string {
  return `${service}/${pattern_id}`;
}

/** By its own name, or by one of its templates, which is how anomalies call it. */
function isCalled(pattern: Pattern, name: string): boolean {
  return keyOf(pattern) === name || pattern.template_ids.includes(name);
}

/** New ones first, the latest before all; then by how often they come. */
function newFirst(pattern: Pattern): number {
  return pattern.new ? -Date.parse(pattern.first_seen) : Number.MAX_SAFE_INTEGER - pattern.count;
}

function columns(most: number, onOpen: (pattern: Pattern) => void): Column<Pattern>[] {
  return [
    {
      name: "new",
      title: "Template",
      sortBy: newFirst,
      cell: (pattern) => (
        <span class="pattern">
          {pattern.new && <span class="badge badge-new">NEW</span>}
          <button type="button" class="quiet" onClick={() => onOpen(pattern)}>
            <Template text={pattern.pattern} />
          </button>
        </span>
      ),
    },
    {
      name: "level",
      title: "Level",
      isMinor: true,
      cell: ({ level }) => (level ? <LevelBadge level={level} /> : "–"),
    },
    {
      name: "service",
      title: "Service",
      isMinor: true,
      cell: ({ service }) => service,
      sortBy: ({ service }) => service,
    },
    {
      name: "count",
      title: "Logs",
      isNumber: true,
      cell: ({ count: many }) => count(many),
      sortBy: ({ count: many }) => many,
    },
    {
      name: "share",
      title: "Share",
      isNumber: true,
      isMinor: true,
      cell: ({ share }) => <Share share={share} most={most} />,
      sortBy: ({ share }) => share,
    },
    {
      name: "trend",
      title: "Trend",
      isNumber: true,
      cell: ({ trend }) => <Change percent={trend} />,
      sortBy: ({ trend }) => trend ?? 0,
    },
    {
      name: "first",
      title: "First seen",
      isMinor: true,
      isNumber: true,
      cell: ({ first_seen }) => <Ago at={first_seen} />,
      sortBy: ({ first_seen }) => Date.parse(first_seen),
    },
    {
      name: "last",
      title: "Last seen",
      isMinor: true,
      isNumber: true,
      cell: ({ last_seen }) => <Ago at={last_seen} />,
      sortBy: ({ last_seen }) => Date.parse(last_seen),
    },
  ];
}

/** The bar is as long as that of the most frequent one allows. */
function Share({ share, most }: { share: number; most: number }) {
  return (
    <span class="share">
      <span class="share-bar" aria-hidden="true">
        <span style={{ width: `${(100 * share) / most}%` }} />
      </span>
      <span class="share-text">{points(share)}</span>
    </span>
  );
}

/** Against the range before. */
function Change({ percent }: { percent: number | null }) {
  if (percent === null)
    return (
      <span class="dim" title="The range before is not known">
        –
      </span>
    );
  if (Math.abs(percent) < 1) return <span class="dim">steady</span>;
  return (
    <span class={`trend ${Math.abs(percent) >= 100 ? "" : "dim"}`}>
      <Icon name={percent > 0 ? "up" : "down"} />
      {points(Math.abs(percent))}
    </span>
  );
}

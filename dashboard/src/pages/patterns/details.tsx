// One template: how often it came minute by minute, an example, and its logs.

import type { ComponentChildren } from "preact";
import { Link } from "wouter-preact";
import { countsByMinute, type Pattern } from "../../api/patterns";
import { usePoll } from "../../api/poll";
import { LevelBadge } from "../../parts/badge";
import { Dialog } from "../../parts/dialog";
import { Failure, Skeleton } from "../../parts/empty";
import { Icon } from "../../parts/icon";
import { count, points } from "../../parts/numbers";
import { Ago, clockTime } from "../../parts/time";
import { address } from "../../url";
import { is } from "../logs/quote";
import { Template } from "./template";

export interface PatternDetailsProps {
  pattern: Pattern;
  from: string;
  to: string;
  onClose: () => void;
}

export function PatternDetails({ pattern, from, to, onClose }: PatternDetailsProps) {
  const ids = pattern.template_ids;
  const templates = ids.length === 1 ? is("template_id", ids[0] ?? "") : `template_id:(${ids.join(" OR ")})`;
  const logs = address("/logs", {
    query: templates,
    service: pattern.service,
    start_time: from,
    end_time: to,
  });
  const inOther = address("/logs", { query: templates, time_range: "24h" });
  return (
    <Dialog title="Template" side onClose={onClose}>
      <p class="pattern-text">
        <Template text={pattern.pattern} />
      </p>
      <div class="pattern-head">
        {pattern.level && <LevelBadge level={pattern.level} />}
        <b>{pattern.service}</b>
        {pattern.new && <span class="badge badge-new">NEW</span>}
      </div>
      <dl class="pattern-facts">
        <Fact name="Logs in the range" value={`${count(pattern.count)} (${points(pattern.share)} of all)`} />
        <Fact
          name="Against the range before"
          value={pattern.trend === null ? "not known" : signed(pattern.trend)}
        />
        <Fact name="First seen" value={<Ago at={pattern.first_seen} />} />
        <Fact name="Last seen" value={<Ago at={pattern.last_seen} />} />
      </dl>
      <h3>By minute, in the last hour</h3>
      <Minutes pattern={pattern} />
      <h3>Its first message</h3>
      <pre class="pattern-example">{pattern.example}</pre>
      <div class="pattern-head">
        <Link class="button primary" href={logs}>
          <Icon name="logs" />
          Its logs
        </Link>
        <Link class="button" href={inOther}>
          In all services
        </Link>
      </div>
    </Dialog>
  );
}

function Fact({ name, value }: { name: string; value: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function signed(percent: number): string {
  return `${percent > 0 ? "+" : "−"}${points(Math.abs(percent))}`;
}

const MINUTE = 60_000;
const MINUTES = 60;
const HEIGHT = 48;

/** A pattern covers templates that look alike; each is counted by itself. */
function Minutes({ pattern }: { pattern: Pattern }) {
  const key = `${pattern.service}/${pattern.pattern_id}`;
  const { data, error } = usePoll(
    key,
    async (signal) => {
      const each = await Promise.all(
        pattern.template_ids.map((id) => countsByMinute(pattern.service, id, signal)),
      );
      const sums = new Map<number, number>();
      for (const counts of each) for (const [at, many] of counts) sums.set(at, (sums.get(at) ?? 0) + many);
      return sums;
    },
    10_000,
  );
  if (error && !data) return <Failure error={error} />;
  if (!data) return <Skeleton lines={2} />;
  const last = Math.max(...data.keys(), Math.floor(Date.now() / MINUTE) * MINUTE - MINUTE);
  const bars = Array.from({ length: MINUTES }, (_, at) => last - (MINUTES - 1 - at) * MINUTE);
  const most = Math.max(...bars.map((at) => data.get(at) ?? 0), 1);
  return (
    <figure class="minutes">
      <svg
        viewBox={`0 0 ${MINUTES} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`At most ${most} in a minute`}
      >
        {bars.map((at, place) => {
          const height = ((data.get(at) ?? 0) / most) * HEIGHT;
          return <rect key={at} x={place + 0.1} y={HEIGHT - height} width={0.8} height={height} />;
        })}
      </svg>
      <figcaption>
        <span>{clockTime(new Date(bars[0] ?? last))}</span>
        <span>most in a minute: {count(most)}</span>
        <span>{clockTime(new Date(last))}</span>
      </figcaption>
    </figure>
  );
}

// Times: local to whoever looks; the tooltip has UTC.

import { signal } from "@preact/signals";
import { duration } from "./numbers";

/** Wall time, a tick each second while the page is seen: one timer for all that is shown. */
export const clock = signal(Date.now());
setInterval(() => {
  if (!document.hidden) clock.value = Date.now();
}, 1000);

const time = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

function isToday(at: Date): boolean {
  return at.toDateString() === new Date().toDateString();
}

/** The time of day; with the day, where that is not today. */
export function clockTime(at: Date): string {
  return isToday(at) ? time.format(at) : `${day.format(at)}, ${time.format(at)}`;
}

/** The same, to the minute: `10:15`. */
export function clockMinute(at: Date): string {
  return isToday(at) ? minute.format(at) : `${day.format(at)}, ${minute.format(at)}`;
}

/** When something was: `10:15:30`. */
export function Time({ at }: { at: string | number }) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return <span>{at}</span>;
  const utc = date.toISOString();
  return (
    <time dateTime={utc} title={utc}>
      {clockTime(date)}
    </time>
  );
}

/** How long ago something was: `3 min ago`. */
export function Ago({ at }: { at: string | number }) {
  const date = new Date(at);
  const utc = date.toISOString();
  return (
    <time dateTime={utc} title={`${clockTime(date)} (${utc})`}>
      {ago(clock.value - date.getTime())}
    </time>
  );
}

function ago(milliseconds: number): string {
  if (milliseconds < 5000) return "now";
  const step = milliseconds < 60_000 ? 1000 : milliseconds < 3_600_000 ? 60_000 : 3_600_000;
  return `${duration(Math.floor(milliseconds / step) * step)} ago`;
}

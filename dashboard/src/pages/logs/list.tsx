// Any number of logs as a table of which only what is seen is there.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Log } from "../../api/logs";
import { perFrame } from "../../frame";
import { LevelBadge } from "../../parts/badge";
import { LogTime } from "./log-time";
import { Marked } from "./marked";

/** Rows above and below what is seen, so that scrolling finds them there. */
const SPARE = 12;
/** Rows from the end at which more are asked for. */
const NEAR_THE_END = 40;
const PHONE = window.matchMedia("(max-width: 720px)");

export interface LogListProps {
  label: string;
  logs: readonly Log[];
  /** How many logs came before the first. */
  before?: number;
  /** Words to be marked. */
  words: readonly string[];
  /** The log whose details are open. */
  open: string | null;
  onOpen: (log: Log) => void;
  /** Stays at the end as logs come. */
  follows?: boolean;
  /** Somebody scrolled away from the end that is followed. */
  onLeave?: () => void;
  /** Somebody is near the end. */
  onEnd?: () => void;
}

export function LogList({
  label,
  logs,
  before = 0,
  words,
  open,
  onOpen,
  follows = false,
  onLeave,
  onEnd,
}: LogListProps) {
  const box = useRef<HTMLDivElement>(null);
  const view = useView(box);
  const rowHeight = useRowHeight();
  const full = logs.length * rowHeight;
  const top = follows ? Math.max(0, full - view.height) : view.top;
  const firstSeen = Math.floor(top / rowHeight);
  // nobody scrolls where the end is followed
  const first = Math.max(0, firstSeen - (follows ? 0 : SPARE));
  const last = Math.min(logs.length, Math.ceil((top + view.height) / rowHeight) + SPARE);

  const offset = useKeyOffset(before + first, last - first);

  const wasAt = useRef(0);
  useLayoutEffect(() => {
    if (!follows || !box.current) return;
    box.current.scrollTop = box.current.scrollHeight;
    wasAt.current = box.current.scrollTop;
  });
  const leave = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current ?? document.body;
    const isAway = scrollHeight - clientHeight - scrollTop > rowHeight;
    if (follows && isAway && scrollTop < wasAt.current - rowHeight / 2) onLeave?.();
  };
  useEffect(() => {
    if (last > logs.length - NEAR_THE_END) onEnd?.();
  }, [last, logs.length, onEnd]);

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
    <section class="log-list" ref={box} aria-label={label} tabIndex={0} onScroll={leave}>
      <table aria-rowcount={logs.length + 1} aria-label={label}>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Level</th>
            <th scope="col">Service</th>
            <th scope="col">Message</th>
          </tr>
        </thead>
        <tbody onKeyDown={walk}>
          <Gap height={first * rowHeight} />
          {logs.slice(first, last).map((log, at) => (
            <Row
              key={before + first + at - offset}
              log={log}
              number={first + at + 2}
              words={words}
              isOpen={log.id === open}
              isFirst={first + at === firstSeen}
              onOpen={onOpen}
            />
          ))}
          <Gap height={(logs.length - last) * rowHeight} />
        </tbody>
      </table>
    </section>
  );
}

/** Stands for rows that are not there. */
function Gap({ height }: { height: number }) {
  if (height <= 0) return null;
  return (
    <tr class="log-gap">
      <td style={{ height }} colSpan={4} />
    </tr>
  );
}

interface RowProps {
  log: Log;
  number: number;
  words: readonly string[];
  isOpen: boolean;
  isFirst: boolean;
  onOpen: (log: Log) => void;
}

function Row({ log, number, words, isOpen, isFirst, onOpen }: RowProps) {
  return (
    <tr
      class={`log-row edge-${log.level.toLowerCase()}`}
      aria-rowindex={number}
      aria-current={isOpen ? "true" : undefined}
      onClick={() => onOpen(log)}
    >
      <td class="log-time">
        <LogTime at={log.timestamp} />
      </td>
      <td class="log-level">
        <LevelBadge level={log.level} />
      </td>
      <td class="log-service">{log.service}</td>
      <td class="log-message">
        <button type="button" tabIndex={isFirst ? 0 : -1}>
          <Marked text={log.message || "(no message)"} words={words} />
        </button>
      </td>
    </tr>
  );
}

/** The arrows lead from log to log. */
function walk(event: KeyboardEvent): void {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" } as const;
  const to = event.key === "ArrowDown" || event.key === "ArrowUp" ? step[event.key] : undefined;
  const row = event.target instanceof Element ? event.target.closest("tr") : null;
  const button = to && row?.[to]?.querySelector("button");
  if (!button) return;
  event.preventDefault();
  button.focus();
}

/** What of the list is seen: from where on, and how much. */
function useView(box: { current: HTMLDivElement | null }): { top: number; height: number } {
  const [view, setView] = useState({ top: 0, height: 800 });
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const look = () => setView({ top: element.scrollTop, height: element.clientHeight });
    const soon = perFrame(look);
    const observer = new ResizeObserver(soon);
    observer.observe(element);
    element.addEventListener("scroll", soon, { passive: true });
    look();
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", soon);
      soon.cancel();
    };
  }, [box]);
  return view;
}

/**
 * What is taken from the numbers of rows to make their keys. Rows that go on where those before were stay the same
 * elements; where all are others, the elements are written over, which costs less than making them anew.
 */
function useKeyOffset(start: number, count: number): number {
  const last = useRef({ start, count, offset: 0 });
  const was = last.current;
  const isElsewhere = start >= was.start + was.count || start + count <= was.start;
  const offset = isElsewhere ? was.offset + start - was.start : was.offset;
  last.current = { start, count, offset };
  return offset;
}

/** On a phone a log takes two lines. */
function useRowHeight(): number {
  const [isPhone, setPhone] = useState(PHONE.matches);
  useEffect(() => {
    const look = () => setPhone(PHONE.matches);
    PHONE.addEventListener("change", look);
    return () => PHONE.removeEventListener("change", look);
  }, []);
  return useMemo(() => (isPhone ? 50 : 28), [isPhone]);
}

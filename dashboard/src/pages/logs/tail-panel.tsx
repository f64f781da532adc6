// Logs as they come, the newest at the end. Whoever scrolls up holds them, and nothing moves any more.

import { useCallback, useState } from "preact/hooks";
import type { Query } from "../../api/client";
import type { Log } from "../../api/logs";
import type { StreamState } from "../../api/stream";
import { Status, type Tone } from "../../parts/badge";
import { Empty, Failure, Skeleton } from "../../parts/empty";
import { Icon } from "../../parts/icon";
import { count } from "../../parts/numbers";
import { LogList } from "./list";
import { useTail } from "./tail";

const STATES: Record<StreamState, [Tone, string]> = {
  connecting: ["plain", "Connecting"],
  open: ["good", "Listening"],
  waiting: ["warn", "Connection lost, trying again"],
  failed: ["bad", "It cannot listen"],
};

export interface TailPanelProps {
  condition: Query;
  words: readonly string[];
  open: string | null;
  onOpen: (log: Log) => void;
}

export function TailPanel({ condition, words, open, onOpen }: TailPanelProps) {
  const [isHeld, setHeld] = useState(false);
  const hold = useCallback(() => setHeld(true), []);
  const { logs, before, waiting, missed, hasBegun, state, error } = useTail(condition, isHeld);
  const [tone, text] = isHeld ? (["accent", "Paused"] as const) : STATES[state];
  return (
    <section class="log-panel" aria-label="Live tail">
      <div class="log-bar">
        <button type="button" onClick={() => setHeld(!isHeld)}>
          <Icon name={isHeld ? "play" : "pause"} />
          {isHeld ? "Resume" : "Pause"}
        </button>
        <p role="status">
          <Status tone={tone}>{text}</Status>
        </p>
        <p class="dim">
          {isHeld ? `${count(waiting)} more have come` : `${count(before + logs.length)} have come`}
          {missed > 0 && `, ${count(missed)} were too many at once to be shown`}
        </p>
      </div>
      {error ? (
        <Failure error={error} />
      ) : logs.length > 0 ? (
        <LogList
          label="Logs as they come"
          logs={logs}
          before={before}
          words={words}
          open={open}
          onOpen={onOpen}
          follows={!isHeld}
          onLeave={hold}
        />
      ) : !hasBegun ? (
        <Skeleton lines={12} />
      ) : (
        <Empty title="Nothing has come yet" icon="logs">
          Logs that fit are shown as they come in.
        </Empty>
      )}
    </section>
  );
}

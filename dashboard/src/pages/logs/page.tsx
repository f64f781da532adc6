// Logs: those that have come, by search, and those that come, as a tail.

import { useCallback, useMemo, useState } from "preact/hooks";
import { useSearchParams } from "wouter-preact";
import { type Log, logById } from "../../api/logs";
import { overview } from "../../api/metrics";
import { usePoll } from "../../api/poll";
import { Choice } from "../../parts/choice";
import { PageHead } from "../../parts/page";
import { Details } from "./details";
import { Filters } from "./filters";
import { Download, Saved } from "./keep";
import "./logs.css";
import { wordsOf } from "./marked";
import { QueryBar } from "./query-bar";
import { and } from "./quote";
import { Results } from "./results";
import { useSearch } from "./search";
import { asked, condition, useLogState } from "./state";
import { TailPanel } from "./tail-panel";

const MODES = [
  { value: "search", title: "Search" },
  { value: "live", title: "Live tail" },
] as const;

export default function LogsPage() {
  const [state, change] = useLogState();
  const [, setParams] = useSearchParams();
  const search = useSearch(state.live ? null : asked(state));
  const services = usePoll("services", (signal) => overview("1h", signal), 30_000);
  const words = useMemo(() => wordsOf(state.query), [state.query]);
  const [chosen, setChosen] = useState<Log>();
  const open = useCallback(
    (log: Log) => {
      setChosen(log);
      change({ open: log.id });
    },
    [change],
  );
  const common = { words, open: state.open, onOpen: open };
  const counts = state.live ? undefined : search.found?.aggregations;

  return (
    <div class="logs">
      <PageHead title="Logs">
        <Choice
          label="Which logs"
          options={MODES}
          value={state.live ? "live" : "search"}
          onChange={(mode) => change({ live: mode === "live" })}
        />
        <Saved
          onChoose={(parameters) => setParams(new URLSearchParams(parameters))}
          current={parametersToKeep}
        />
        <Download query={asked(state)} />
      </PageHead>
      <QueryBar
        query={state.query}
        isLive={state.live}
        change={change}
        error={search.error?.status === 400 ? search.error : undefined}
      />
      <Filters
        state={state}
        change={change}
        services={Object.keys(services.data?.by_service ?? {})}
        counts={counts}
      />
      {state.live ? (
        <TailPanel condition={condition(state)} {...common} />
      ) : (
        <Results state={state} change={change} search={search} {...common} />
      )}
      {state.open && (
        <OpenLog
          id={state.open}
          log={chosen}
          onFilter={(more) => change({ query: and(state.query, more), open: null })}
          onClose={() => change({ open: null })}
        />
      )}
    </div>
  );
}

/** The address without the log that is open. */
function parametersToKeep(): string {
  const params = new URLSearchParams(location.search);
  params.delete("log");
  return params.toString();
}

interface OpenLogProps {
  id: string;
  /** The log that was chosen last. */
  log: Log | undefined;
  onFilter: (condition: string) => void;
  onClose: () => void;
}

/** The log of an address that somebody sent has to be fetched. */
function OpenLog({ id, log, onFilter, onClose }: OpenLogProps) {
  const isHere = log?.id === id;
  const { data } = usePoll(isHere ? null : id, (signal) => logById(id, signal), 0);
  const shown = isHere ? log : data;
  return shown ? <Details log={shown} onFilter={onFilter} onClose={onClose} /> : null;
}

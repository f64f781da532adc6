// What is sought: a query, or a question in plain language that becomes one.

import { useEffect, useState } from "preact/hooks";
import type { ApiError } from "../../api/client";
import { ask } from "../../api/logs";
import { asApiError } from "../../api/poll";
import { Choice } from "../../parts/choice";
import { Icon } from "../../parts/icon";
import type { Change } from "./state";
import { Syntax } from "./syntax";

const KINDS = [
  { value: "query", title: "Query" },
  { value: "words", title: "Plain words" },
] as const;
type Kind = (typeof KINDS)[number]["value"];

export interface QueryBarProps {
  query: string;
  /** Of logs as they come. */
  isLive: boolean;
  change: (change: Change) => void;
  /** What is wrong with the query. */
  error: ApiError | undefined;
}

export function QueryBar({ query, isLive, change, error }: QueryBarProps) {
  const [kind, setKind] = useState<Kind>("query");
  const [text, setText] = useState(query);
  const [told, setTold] = useState("");
  const [failed, setFailed] = useState<ApiError>();
  const [isAsking, setAsking] = useState(false);
  const [helps, setHelps] = useState(false);
  useEffect(() => setText(query), [query]);

  const submit = async (event: Event) => {
    event.preventDefault();
    setFailed(undefined);
    setTold("");
    if (kind === "query") return change({ query: text.trim() });
    if (!text.trim()) return;
    setAsking(true);
    try {
      const { filters, explanation } = await ask(text);
      const { time_range: times } = filters;
      change({ query: filters.query, services: [], levels: [], trace: "", ...times });
      setTold(explanation);
      setText(filters.query);
      setKind("query");
    } catch (why) {
      setFailed(asApiError(why));
    }
    setAsking(false);
  };

  const wrong = failed ?? error;
  return (
    <search class="query-bar">
      <form onSubmit={submit}>
        <Choice label="How to ask" options={KINDS} value={kind} onChange={setKind} />
        <div class="query-field">
          <Icon name="search" />
          <input
            type="search"
            aria-label={kind === "query" ? "Query" : "Question in plain words"}
            aria-invalid={wrong ? "true" : undefined}
            aria-describedby={wrong ? "query-wrong" : undefined}
            class={kind === "query" ? "mono" : ""}
            placeholder={
              kind === "query"
                ? "timeout AND service:payment-service latency:>500"
                : "payment errors in the last hour"
            }
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </div>
        <button type="submit" class="primary" disabled={isAsking}>
          {kind === "words" ? "Ask" : isLive ? "Filter" : "Search"}
        </button>
        <button type="button" class="quiet query-help" onClick={() => setHelps(true)}>
          Syntax
        </button>
      </form>
      {wrong && (
        <p class="query-wrong bad" id="query-wrong" role="alert">
          {wrong.message}
        </p>
      )}
      {told && !wrong && (
        <p class="dim" role="status">
          Understood as: {told}
        </p>
      )}
      {helps && (
        <Syntax
          onClose={() => setHelps(false)}
          onChoose={(example) => {
            setHelps(false);
            setKind("query");
            change({ query: example });
          }}
        />
      )}
    </search>
  );
}

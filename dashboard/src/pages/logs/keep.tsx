// What can be kept of a search: the search itself, under a name, and the logs that it found, as a file.

import { useState } from "preact/hooks";
import type { ApiError, Query } from "../../api/client";
import {
  type ExportFormat,
  exportAddress,
  forgetSearch,
  type SavedSearch,
  savedSearches,
  saveSearch,
} from "../../api/logs";
import { asApiError, usePoll } from "../../api/poll";
import { Failure, Skeleton } from "../../parts/empty";
import { Field } from "../../parts/field";
import { Icon } from "../../parts/icon";
import { Menu } from "./menu";

/** Searches under a name: each user's own. */
export function Saved({
  onChoose,
  current,
}: {
  onChoose: (parameters: string) => void;
  current: () => string;
}) {
  return (
    <Menu label="Saved" atEnd>
      {(close) => (
        <SavedList
          current={current}
          onChoose={(parameters) => {
            close();
            onChoose(parameters);
          }}
        />
      )}
    </Menu>
  );
}

function SavedList({ onChoose, current }: { onChoose: (parameters: string) => void; current: () => string }) {
  const { data, error, reload } = usePoll("searches", savedSearches, 0);
  const [name, setName] = useState("");
  const [failed, setFailed] = useState<ApiError>();
  const act = async (work: () => Promise<unknown>) => {
    setFailed(undefined);
    try {
      await work();
      reload();
      return true;
    } catch (why) {
      setFailed(asApiError(why));
      return false;
    }
  };
  const save = async (event: Event) => {
    event.preventDefault();
    if (name.trim() && (await act(() => saveSearch(name.trim(), current())))) setName("");
  };
  return (
    <>
      {error && <Failure error={error} retry={reload} />}
      {!data && !error && <Skeleton />}
      {data?.length === 0 && (
        <p class="dim menu-text">No search is saved yet. Name this one to find it here again.</p>
      )}
      <ul class="saved">
        {data?.map((search) => (
          <li key={search.id}>
            <button
              type="button"
              class="quiet"
              disabled={!isOurs(search)}
              onClick={() => onChoose(String(search.query))}
            >
              {search.name}
            </button>
            <button
              type="button"
              class="quiet"
              aria-label={`Forget ${search.name}`}
              onClick={() => act(() => forgetSearch(search.id))}
            >
              <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
      <form class="save" onSubmit={save}>
        <Field label="Save this search as" error={failed?.message}>
          <input value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        <button type="submit" disabled={!name.trim()}>
          Save
        </button>
      </form>
    </>
  );
}

/** Other programs may keep other things there. */
function isOurs(search: SavedSearch): boolean {
  return typeof search.query === "string";
}

/** The logs of a search as a file. */
export function Download({ query }: { query: Query }) {
  const [isBusy, setBusy] = useState(false);
  const [failed, setFailed] = useState<ApiError>();
  const download = async (format: ExportFormat, close: () => void) => {
    setBusy(true);
    setFailed(undefined);
    try {
      fetchFile(await exportAddress(format, query), `logs.${format}`);
      close();
    } catch (why) {
      setFailed(asApiError(why));
    }
    setBusy(false);
  };
  return (
    <Menu label="Export" icon="download" atEnd>
      {(close) => (
        <div class="menu-ways">
          <button type="button" class="quiet" disabled={isBusy} onClick={() => download("csv", close)}>
            CSV, a row a log
          </button>
          <button type="button" class="quiet" disabled={isBusy} onClick={() => download("ndjson", close)}>
            NDJSON, an object a line
          </button>
          <p class="dim menu-text" role="status">
            {failed ? failed.message : "All that the search finds, however many."}
          </p>
        </div>
      )}
    </Menu>
  );
}

/** Has the browser get a file and keep it. */
function fetchFile(address: string, name: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

// Tokens for machines: made, shown once, revoked.

import { useState } from "preact/hooks";
import { type ApiToken, makeToken, revokeToken, SCOPES, type Scope, tokens } from "../../api/account";
import type { ApiError } from "../../api/client";
import { asApiError, usePoll } from "../../api/poll";
import { Failure, Skeleton } from "../../parts/empty";
import { Field } from "../../parts/field";
import { type Column, Table } from "../../parts/table";
import { Ago } from "../../parts/time";

const LIFETIMES = [
  { days: 30, title: "30 days" },
  { days: 90, title: "90 days" },
  { days: 365, title: "A year" },
  { days: 0, title: "Until it is revoked" },
];

export function Tokens() {
  const { data, error, reload } = usePoll("tokens", tokens, 0);
  const [failed, setFailed] = useState<ApiError>();
  if (!data) return error ? <Failure error={error} retry={reload} /> : <Skeleton />;

  async function revoke(token: ApiToken) {
    try {
      await revokeToken(token.id);
      setFailed(undefined);
    } catch (failure) {
      setFailed(asApiError(failure));
    }
    reload();
  }

  const columns: Column<ApiToken>[] = [
    { name: "name", title: "Name", cell: ({ name }) => name },
    { name: "scopes", title: "May", cell: ({ scopes }) => scopes.join(", ") },
    { name: "expires", title: "Expires", cell: expiry, isMinor: true },
    {
      name: "used",
      title: "Used",
      cell: ({ last_used_at: used }) => (used ? <Ago at={used} /> : "never"),
      isMinor: true,
    },
    {
      name: "revoke",
      title: "",
      cell: (token) => (
        <button
          type="button"
          class="quiet"
          onClick={() => void revoke(token)}
          aria-label={`Revoke ${token.name}`}
        >
          Revoke
        </button>
      ),
      isNumber: true,
    },
  ];
  return (
    <>
      {failed && (
        <p class="bad" role="alert">
          {failed.message}
        </p>
      )}
      {data.length > 0 ? (
        <Table label="Your API tokens" columns={columns} rows={data} keyOf={({ id }) => id} />
      ) : (
        <p class="dim">None yet. A shipper or a script shows one instead of a password.</p>
      )}
      <NewToken onMade={reload} />
    </>
  );
}

function expiry({ expires_at: at }: ApiToken): string {
  return at ? new Date(at).toLocaleDateString() : "never";
}

function NewToken({ onMade }: { onMade: () => void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<Scope[]>(["ingest"]);
  const [days, setDays] = useState(90);
  const [made, setMade] = useState<string>();
  const [error, setError] = useState<ApiError>();

  async function submit(event: Event) {
    event.preventDefault();
    setError(undefined);
    try {
      const answer = await makeToken(name, scopes, days || null);
      setMade(answer.token);
      setName("");
      onMade();
    } catch (failure) {
      setError(asApiError(failure));
    }
  }

  return (
    <form class="form" onSubmit={submit}>
      {error && (
        <p class="bad" role="alert">
          {error.message}
        </p>
      )}
      {made && (
        <div class="made" role="status">
          <p>Copy it now: it is shown this once.</p>
          <code>{made}</code>
          <button type="button" onClick={() => void navigator.clipboard.writeText(made)}>
            Copy
          </button>
        </div>
      )}
      <Field label="Name of a new token" error={error?.fields["name"]}>
        <input
          required
          placeholder="what it is for"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </Field>
      <fieldset class="checks">
        <legend>It may</legend>
        {SCOPES.map((scope) => (
          <label key={scope}>
            <input
              type="checkbox"
              checked={scopes.includes(scope)}
              onChange={({ currentTarget }) =>
                setScopes((before) =>
                  currentTarget.checked ? [...before, scope] : before.filter((other) => other !== scope),
                )
              }
            />
            {scope}
          </label>
        ))}
      </fieldset>
      <Field label="It is taken for">
        <select value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
          {LIFETIMES.map(({ days, title }) => (
            <option key={days} value={days}>
              {title}
            </option>
          ))}
        </select>
      </Field>
      <button type="submit" disabled={!scopes.length}>
        Make a token
      </button>
    </form>
  );
}

// Name and password.

import { useState } from "preact/hooks";
import { signIn } from "../../api/account";
import type { ApiError } from "../../api/client";
import { asApiError } from "../../api/poll";
import type { Me } from "../../api/session";
import { Field } from "../../parts/field";

export function SignInForm({ onDone }: { onDone: (user: Me) => void }) {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);

  async function submit(event: Event) {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      onDone(await signIn(username.trim(), password));
    } catch (failure) {
      setError(asApiError(failure));
      setPassword("");
    } finally {
      setBusy(false);
    }
  }

  return (
    <form class="form" onSubmit={submit}>
      {error && (
        <p class="bad" role="alert">
          {error.message}
          {error.retryAfter !== undefined && ` Try again in ${error.retryAfter} s.`}
        </p>
      )}
      <Field label="Name">
        <input
          name="username"
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
          required
          value={username}
          onInput={(event) => setUsername(event.currentTarget.value)}
        />
      </Field>
      <Field label="Password">
        <input
          name="password"
          type="password"
          autocomplete="current-password"
          required
          value={password}
          onInput={(event) => setPassword(event.currentTarget.value)}
        />
      </Field>
      <button type="submit" class="primary" disabled={isBusy}>
        {isBusy ? "Signing in …" : "Sign in"}
      </button>
      <p class="small dim">
        An administrator makes accounts and resets passwords. The first start of a job prints the password of
        its first one.
      </p>
    </form>
  );
}

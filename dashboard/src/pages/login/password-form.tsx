// A new password: the one there is, and the new one twice.

import { useState } from "preact/hooks";
import { changePassword } from "../../api/account";
import type { ApiError } from "../../api/client";
import { asApiError } from "../../api/poll";
import { Field } from "../../parts/field";

/** As the server has it. */
const LEAST = 12;

export function PasswordForm({ username, onDone }: { username: string; onDone: () => void }) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  const differs = again !== "" && again !== next;

  async function submit(event: Event) {
    event.preventDefault();
    if (again !== next) return;
    setBusy(true);
    setError(undefined);
    try {
      await changePassword(current, next);
      setCurrent("");
      setNext("");
      setAgain("");
      onDone();
    } catch (failure) {
      setError(asApiError(failure));
    } finally {
      setBusy(false);
    }
  }

  const password = (name: string, value: string, set: (value: string) => void) => (
    <input
      name={name}
      type="password"
      autocomplete={name === "current" ? "current-password" : "new-password"}
      required
      value={value}
      onInput={(event) => set(event.currentTarget.value)}
    />
  );
  return (
    <form class="form" onSubmit={submit}>
      <input
        class="hidden"
        aria-hidden="true"
        tabIndex={-1}
        autocomplete="username"
        value={username}
        readOnly
      />
      {error && (
        <p class="bad" role="alert">
          {error.message}
        </p>
      )}
      <Field label="Password as it is" error={error?.fields["current_password"]}>
        {password("current", current, setCurrent)}
      </Field>
      <Field label="New password" hint={`At least ${LEAST} characters`} error={error?.fields["new_password"]}>
        {password("new", next, setNext)}
      </Field>
      <Field label="New password again" error={differs ? "is not the same" : undefined}>
        {password("again", again, setAgain)}
      </Field>
      <button type="submit" class="primary" disabled={isBusy || differs}>
        {isBusy ? "Changing …" : "Change password"}
      </button>
    </form>
  );
}

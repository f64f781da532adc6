// Who is signed in; nothing where the job asks nobody to.

import { useEffect } from "preact/hooks";
import { get } from "./api/client";
import { forgetSession, type Me, me, token } from "./api/session";
import { Icon } from "./parts/icon";

export function Visitor() {
  const known = token.value;
  useEffect(() => {
    const end = new AbortController();
    get<Me>("/auth/me", {}, end.signal).then(
      (answer) => {
        me.value = answer;
      },
      () => undefined, // a refusal has led to /login already
    );
    return () => end.abort();
  }, [known]);
  if (!me.value?.id) return null;
  return (
    <button type="button" class="quiet" title="Sign out" onClick={() => forgetSession()}>
      <Icon name="login" />
      <span class="side-label">{me.value.username}</span>
    </button>
  );
}

// Who is signed in; nothing where the job asks nobody to.

import { useEffect } from "preact/hooks";
import { get } from "./api/client";
import { renew } from "./api/renewal";
import { isAccountOpen, leadToLogin, type Me, me, renewal } from "./api/session";
import { Lazy } from "./lazy";
import { Icon } from "./parts/icon";

const account = () => import("./pages/login/account");

export function Visitor() {
  const session = renewal.value;
  useEffect(() => {
    const end = new AbortController();
    get<Me>("/auth/me", {}, end.signal).then(
      (answer) => {
        me.value = answer;
        // nothing else may be done before that
        if (answer.must_change_password) leadToLogin();
        // signed in by a tab that is gone, which knew when
        if (answer.id && session === null) renew().catch(() => undefined);
      },
      () => undefined, // a refusal has led to /login already
    );
    return () => end.abort();
  }, [session]);
  if (!me.value?.id) return null;
  return (
    <>
      <button
        type="button"
        class="quiet"
        title="Your account"
        aria-haspopup="dialog"
        onClick={() => {
          isAccountOpen.value = true;
        }}
      >
        <Icon name="login" />
        <span class="side-label">{me.value.username}</span>
      </button>
      {isAccountOpen.value && <Lazy load={account} />}
    </>
  );
}

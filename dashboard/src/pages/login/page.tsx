// Signing in: name and password, and a new password where somebody else made the one there is.

import { useEffect, useState } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";
import { get } from "../../api/client";
import { usePoll } from "../../api/poll";
import { type Me, me } from "../../api/session";
import { Empty } from "../../parts/empty";
import { useUrl } from "../../url";
import { PasswordForm } from "./password-form";
import { SignInForm } from "./sign-in-form";
import "./login.css";

export default function LoginPage() {
  const [params] = useUrl();
  const [, navigate] = useLocation();
  const next = inside(params.get("next"));
  const [user, setUser] = useState<Me | null>(null);
  // where nobody needs to sign in, it is said who asks all the same
  const { data: known } = usePoll("me", (signal) => get<Me>("/auth/me", {}, signal), 0);
  // of somebody who signed in before, or just now
  const mustChange = [user ?? known].find((one) => one?.must_change_password);
  const isIn = user !== null && !mustChange;
  useEffect(() => {
    if (isIn) navigate(next, { replace: true });
  }, [isIn, next, navigate]);
  return (
    <div class="login">
      <div class="login-card">
        <header class="login-head">
          <img src="/favicon.svg" alt="" width="32" height="32" />
          <h1>Highwater</h1>
        </header>
        {known && known.id === null ? (
          <Empty title="Nobody needs to sign in here">
            This job has no accounts. On to the <Link href="/">overview</Link>.
          </Empty>
        ) : mustChange ? (
          <>
            <p class="dim">Somebody else made your password. Choose one that only you know.</p>
            <PasswordForm
              username={mustChange.username}
              onDone={() => {
                if (me.value) me.value = { ...me.value, must_change_password: false };
                setUser({ ...mustChange, must_change_password: false });
              }}
            />
          </>
        ) : (
          <SignInForm onDone={setUser} />
        )}
      </div>
    </div>
  );
}

/** An address of this page; anything else leads to the overview. */
function inside(next: string | null): string {
  return next?.startsWith("/") && !next.startsWith("//") && !next.startsWith("/login") ? next : "/";
}

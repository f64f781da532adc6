// One's own account: who it is, its password, its tokens, and the way out.

import { useState } from "preact/hooks";
import { signOut } from "../../api/account";
import { isAccountOpen, me } from "../../api/session";
import { Dialog } from "../../parts/dialog";
import { PasswordForm } from "./password-form";
import { Tokens } from "./tokens";
import "./login.css";

export default function Account() {
  const [isChanged, setChanged] = useState(false);
  const user = me.value;
  const close = () => {
    isAccountOpen.value = false;
  };
  if (!user?.id) return null;
  return (
    <Dialog title="Account" side onClose={close}>
      <div class="account-who">
        <div>
          <b>{user.username}</b>
          <p class="dim small">
            {user.role === "admin" ? "Administrator" : "User"}
            {user.email && ` · ${user.email}`}
          </p>
        </div>
        <button
          type="button"
          onClick={() => {
            close();
            // signed out here in any case
            void signOut().catch(() => undefined);
          }}
        >
          Sign out everywhere
        </button>
      </div>
      <section aria-labelledby="account-tokens">
        <h3 id="account-tokens">API tokens</h3>
        <Tokens />
      </section>
      <section aria-labelledby="account-password">
        <h3 id="account-password">Password</h3>
        {isChanged && (
          <p class="good" role="status">
            Your password is changed. Other sessions are over.
          </p>
        )}
        <PasswordForm username={user.username} onDone={() => setChanged(true)} />
      </section>
    </Dialog>
  );
}

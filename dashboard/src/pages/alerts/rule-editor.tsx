// A rule is made or changed here.

import { useState } from "preact/hooks";
import { changeRule, deleteRule, makeRule, type Rule, type RuleDraft } from "../../api/alerts";
import type { ApiError } from "../../api/client";
import { asApiError } from "../../api/poll";
import { Dialog } from "../../parts/dialog";
import { useUrl } from "../../url";
import { ChannelFields } from "./channel-fields";
import { ConditionFields, type ConditionFieldsProps } from "./condition-fields";
import { NotificationFields } from "./notification-fields";
import { draftFrom, formOf } from "./rule-form";
import { ScopeFields } from "./scope-fields";
import { condition, scope } from "./words";

export interface RuleEditorProps {
  /** None for a new one. */
  rule?: Rule;
  onChange: () => void;
}

export function RuleEditor({ rule, onChange }: RuleEditorProps) {
  const [, change] = useUrl();
  const [form, setForm] = useState(() => formOf(rule));
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  const [isSure, setSure] = useState(false);
  const close = () => change({ rule: null });
  const set = (changes: Partial<RuleDraft>) =>
    setForm((before) => ({ ...before, draft: { ...before.draft, ...changes } }));
  const errors = error?.fields ?? {};
  const fields: ConditionFieldsProps = { form, setForm, set, errors };

  async function attempt(work: () => Promise<void>) {
    setBusy(true);
    setError(undefined);
    try {
      await work();
      onChange();
    } catch (failure) {
      setError(asApiError(failure));
    } finally {
      setBusy(false);
    }
  }

  const save = (andTest: boolean) =>
    attempt(async () => {
      const draft = draftFrom(form);
      const saved = await (rule ? changeRule(rule, draft) : makeRule(draft));
      change({ rule: null, tab: "rules", backtest: andTest ? saved.id : null });
    });

  const remove = () =>
    attempt(async () => {
      if (!rule) return;
      await deleteRule(rule.id);
      close();
    });

  return (
    <Dialog title={rule ? `Rule ${rule.name}` : "New rule"} side onClose={close}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void save(event.submitter?.getAttribute("name") === "test");
        }}
      >
        {rule?.owner === "configuration" && (
          <p class="warn">This rule is in the configuration file, which wins at the next start.</p>
        )}
        <ConditionFields {...fields} />
        <ScopeFields {...fields} />
        <fieldset class="part">
          <legend>Notices</legend>
          <ChannelFields
            channel={form.draft.notification_channel}
            config={form.draft.notification_config}
            errors={errors}
            onChange={(channel, config) =>
              set({ notification_channel: channel, notification_config: config })
            }
          />
          {form.draft.notification_channel && <NotificationFields {...fields} />}
        </fieldset>
        <div class="form-foot">
          <p class="small dim" aria-live="polite">
            {condition(draftFrom(form))} · {scope(draftFrom(form))}
          </p>
          {error && <Problems error={error} />}
          <div class="buttons">
            <button type="submit" name="save" class="primary" disabled={isBusy}>
              {rule ? "Save" : "Make the rule"}
            </button>
            <button type="submit" name="test" disabled={isBusy}>
              Save and back-test
            </button>
            {rule && (
              <button
                type="button"
                class="danger push"
                disabled={isBusy}
                onClick={() => (isSure ? void remove() : setSure(true))}
              >
                {isSure ? "Delete it, really" : "Delete"}
              </button>
            )}
          </div>
        </div>
      </form>
    </Dialog>
  );
}

/** What is wrong, field by field: what a field says itself, and what has no field here. */
function Problems({ error }: { error: ApiError }) {
  const fields = Object.entries(error.fields);
  return (
    <div class="bad" role="alert">
      <p>{fields.length ? "Some of it cannot be taken:" : error.message}</p>
      {fields.length > 0 && (
        <ul class="problems">
          {fields.map(([field, what]) => (
            <li key={field}>
              <b>{field}</b> {what}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

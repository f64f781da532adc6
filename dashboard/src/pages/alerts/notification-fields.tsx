// How alerts become notices.

import type { RuleDraft } from "../../api/alerts";
import { Field } from "../../parts/field";
import type { ConditionFieldsProps } from "./condition-fields";

const LENGTHS = [
  { name: "group_wait", title: "A new group waits", hint: "for more of its kind" },
  { name: "group_interval", title: "Between two notices", hint: "of a group, at least" },
  { name: "repeat_interval", title: "Said again after", hint: "while nobody acknowledges" },
] as const;

export function NotificationFields({ form, setForm, set, errors }: ConditionFieldsProps) {
  const { notification } = form.draft;
  const change = (changes: Partial<RuleDraft["notification"]>) =>
    set({ notification: { ...notification, ...changes } });
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          checked={notification.send_resolved}
          onChange={(event) => change({ send_resolved: event.currentTarget.checked })}
        />
        Say, too, when it is over
      </label>
      <details class="more">
        <summary>Grouping and repeats</summary>
        <div class="columns">
          {LENGTHS.map(({ name, title, hint }) => (
            <Field key={name} label={title} hint={hint} error={errors[`notification.${name}`]}>
              <input
                list="rule-windows"
                value={notification[name]}
                onInput={(event) => change({ [name]: event.currentTarget.value })}
              />
            </Field>
          ))}
          <Field
            label="One notice for alerts of equal"
            hint="Labels, between commas; ... for each by itself"
            error={Object.entries(errors).find(([field]) => field.startsWith("notification.group_by"))?.[1]}
          >
            <input
              value={form.groupNotices}
              onInput={({ currentTarget }) => {
                const groupNotices = currentTarget.value;
                setForm((before) => ({ ...before, groupNotices }));
              }}
            />
          </Field>
        </div>
      </details>
    </>
  );
}

// Of which logs a rule is, how they are grouped, and what else can be said.

import { LEVELS } from "../../parts/badge";
import { Field } from "../../parts/field";
import type { ConditionFieldsProps } from "./condition-fields";

const GROUPS = ["service", "host", "level", "template"] as const;
const SILENCE = { keep: "it goes on firing", resolve: "it is over", alert: "it fires, and says so" } as const;
const LOOKS = {
  final: "that are complete",
  provisional: "under way, too: sooner, and taken back where too soon",
} as const;

export function ScopeFields({ form, setForm, set, errors }: ConditionFieldsProps) {
  const { draft } = form;
  const first = (start: string) => Object.entries(errors).find(([field]) => field.startsWith(start))?.[1];
  return (
    <>
      <fieldset class="part">
        <legend>Logs</legend>
        <div class="columns">
          <Field
            label="Services"
            hint="Between commas; cart* stands for all that begin so; empty: all"
            error={first("services")}
          >
            <input
              name="services"
              value={form.services}
              onInput={({ currentTarget }) => {
                const services = currentTarget.value;
                setForm((before) => ({ ...before, services }));
              }}
            />
          </Field>
          <Field label="An alert for" error={errors["group_by"]}>
            <select
              name="group_by"
              value={draft.group_by ?? ""}
              onChange={({ currentTarget }) =>
                set({ group_by: GROUPS.find((one) => one === currentTarget.value) ?? null })
              }
            >
              {GROUPS.map((group) => (
                <option key={group} value={group}>
                  each {group === "template" ? "message template" : group}
                </option>
              ))}
              <option value="">all together</option>
            </select>
          </Field>
        </div>
        <fieldset class="checks">
          <legend>Levels (none: all)</legend>
          {LEVELS.map((level) => (
            <label key={level}>
              <input
                type="checkbox"
                checked={draft.levels.includes(level)}
                onChange={({ currentTarget }) =>
                  set({
                    levels: currentTarget.checked
                      ? LEVELS.filter((one) => one === level || draft.levels.includes(one))
                      : draft.levels.filter((one) => one !== level),
                  })
                }
              />
              {level}
            </label>
          ))}
          {first("levels") && <span class="field-error">{first("levels")}</span>}
        </fieldset>
      </fieldset>
      <details class="more">
        <summary>More</summary>
        <div class="columns">
          <Field
            label="Over from"
            hint="Where it is not the threshold: a rule that hovers about it does not flap"
            error={errors["clear_threshold"]}
          >
            <input
              inputMode="decimal"
              value={form.clearThreshold}
              onInput={({ currentTarget }) => {
                const clearThreshold = currentTarget.value;
                setForm((before) => ({ ...before, clearThreshold }));
              }}
            />
          </Field>
          <Field
            label="Goes on firing for"
            hint="After the condition held last"
            error={errors["keep_firing_for"]}
          >
            <input
              list="rule-windows"
              value={draft.keep_firing_for}
              onInput={(event) => set({ keep_firing_for: event.currentTarget.value })}
            />
          </Field>
          <Field label="Where no log comes while it fires" error={errors["no_data"]}>
            <select
              value={draft.no_data}
              onChange={({ currentTarget }) => set({ no_data: currentTarget.value as keyof typeof SILENCE })}
            >
              {Object.entries(SILENCE).map(([value, title]) => (
                <option key={value} value={value}>
                  {title}
                </option>
              ))}
            </select>
          </Field>
          <Field label="It looks at windows" error={errors["evaluate"]}>
            <select
              value={draft.evaluate}
              onChange={({ currentTarget }) => set({ evaluate: currentTarget.value as keyof typeof LOOKS })}
            >
              {Object.entries(LOOKS).map(([value, title]) => (
                <option key={value} value={value}>
                  {title}
                </option>
              ))}
            </select>
          </Field>
        </div>
        <Field label="Labels" hint="A line each: team=web" error={first("labels")}>
          <textarea
            rows={2}
            value={form.labels}
            onInput={({ currentTarget }) => {
              const labels = currentTarget.value;
              setForm((before) => ({ ...before, labels }));
            }}
          />
        </Field>
      </details>
    </>
  );
}

// What a rule is called, what it measures, and when that is too much.

import type { RuleDraft } from "../../api/alerts";
import { CONDITIONS, METRICS } from "../../api/alerts";
import { SEVERITIES } from "../../parts/badge";
import { Field } from "../../parts/field";
import type { RuleForm } from "./rule-form";
import { CONDITION_TITLES, METRIC_TITLES, METRIC_UNITS } from "./words";

export interface ConditionFieldsProps {
  form: RuleForm;
  setForm: (change: (before: RuleForm) => RuleForm) => void;
  set: (changes: Partial<RuleDraft>) => void;
  errors: Readonly<Record<string, string>>;
}

export function ConditionFields({ form, setForm, set, errors }: ConditionFieldsProps) {
  const { draft } = form;
  const hasThreshold = draft.metric !== "absence";
  return (
    <>
      <Field label="Name" error={errors["name"]}>
        <input
          required
          name="name"
          maxLength={200}
          value={draft.name}
          onInput={(event) => set({ name: event.currentTarget.value })}
        />
      </Field>
      <Field
        label="Meaning"
        hint="What somebody should know and do when it fires"
        error={errors["description"]}
      >
        <textarea
          rows={2}
          maxLength={4000}
          value={draft.description}
          onInput={(event) => set({ description: event.currentTarget.value })}
        />
      </Field>
      <fieldset class="part">
        <legend>Condition</legend>
        <div class="columns">
          <Field label="Measure" error={errors["metric"]}>
            <select
              name="metric"
              value={draft.metric}
              onChange={({ currentTarget }) =>
                set({ metric: METRICS.find((one) => one === currentTarget.value) ?? "count" })
              }
            >
              {METRICS.map((metric) => (
                <option key={metric} value={metric}>
                  {METRIC_TITLES[metric]}
                </option>
              ))}
            </select>
          </Field>
          <Field label="Over" hint="10s to 24h" error={errors["time_window"]}>
            <input
              name="time_window"
              list="rule-windows"
              value={draft.time_window}
              onInput={(event) => set({ time_window: event.currentTarget.value })}
            />
          </Field>
          {hasThreshold && (
            <>
              <Field label="Fires where it" error={errors["condition"]}>
                <select
                  name="condition"
                  value={draft.condition}
                  onChange={({ currentTarget }) =>
                    set({
                      condition: CONDITIONS.find((one) => one === currentTarget.value) ?? "greater_than",
                    })
                  }
                >
                  {CONDITIONS.map((condition) => (
                    <option key={condition} value={condition}>
                      {CONDITION_TITLES[condition]}
                    </option>
                  ))}
                </select>
              </Field>
              <Field label={`Threshold (${METRIC_UNITS[draft.metric]})`} error={errors["threshold"]}>
                <input
                  name="threshold"
                  inputMode="decimal"
                  value={form.threshold}
                  onInput={({ currentTarget }) => {
                    const threshold = currentTarget.value;
                    setForm((before) => ({ ...before, threshold }));
                  }}
                />
              </Field>
            </>
          )}
          <Field label="Held for" hint="0s: at once" error={errors["for"]}>
            <input
              name="for"
              list="rule-windows"
              value={draft.for}
              onInput={(event) => set({ for: event.currentTarget.value })}
            />
          </Field>
          <Field label="Severity" error={errors["severity"]}>
            <select
              name="severity"
              value={draft.severity}
              onChange={({ currentTarget }) =>
                set({ severity: SEVERITIES.find((one) => one === currentTarget.value) ?? "medium" })
              }
            >
              {SEVERITIES.map((severity) => (
                <option key={severity}>{severity}</option>
              ))}
            </select>
          </Field>
        </div>
        <datalist id="rule-windows">
          {["30s", "1m", "5m", "15m", "30m", "1h", "6h"].map((length) => (
            <option key={length} value={length} />
          ))}
        </datalist>
      </fieldset>
    </>
  );
}

// A silence is made here, for labels that an alert may have brought along.

import { useState } from "preact/hooks";
import { type Matcher, makeSilence } from "../../api/alerts";
import type { ApiError } from "../../api/client";
import { asApiError } from "../../api/poll";
import { Choice } from "../../parts/choice";
import { Dialog } from "../../parts/dialog";
import { Field } from "../../parts/field";
import { Icon } from "../../parts/icon";
import { useUrl } from "../../url";

const LENGTHS = { "30m": 30, "1h": 60, "4h": 240, "1d": 1440, "7d": 10_080 } as const;
type Length = keyof typeof LENGTHS;

const SIGNS = ["=", "!=", "=~", "!~"] as const;

export function SilenceForm({ onChange }: { onChange: () => void }) {
  const [params, change] = useUrl();
  const [matchers, setMatchers] = useState(() => given(params.get("match")));
  const [length, setLength] = useState<Length>("1h");
  const [comment, setComment] = useState("");
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  const close = () => change({ silence: null, match: null });

  async function submit(event: Event) {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const now = Date.now();
    try {
      await makeSilence({
        matchers: matchers.filter(({ name }) => name.trim()),
        starts_at: new Date(now).toISOString(),
        ends_at: new Date(now + LENGTHS[length] * 60_000).toISOString(),
        comment,
      });
      onChange();
      change({ silence: null, match: null, tab: "silences" });
    } catch (failure) {
      setError(asApiError(failure));
    } finally {
      setBusy(false);
    }
  }

  const set = (index: number, changes: Partial<Matcher>) =>
    setMatchers((before) =>
      before.map((matcher, at) => (at === index ? { ...matcher, ...changes } : matcher)),
    );

  return (
    <Dialog title="Silence" onClose={close}>
      <form class="form" onSubmit={submit}>
        <fieldset class="part">
          <legend>Alerts whose labels are all like this</legend>
          {matchers.map((matcher, index) => (
            <div class="matcher" key={index}>
              <input
                aria-label="Label"
                placeholder="service"
                value={matcher.name}
                onInput={(event) => set(index, { name: event.currentTarget.value })}
              />
              <select
                aria-label="How it is compared"
                value={signOf(matcher)}
                onChange={({ currentTarget: { value } }) =>
                  set(index, { isRegex: value.endsWith("~"), isEqual: value.startsWith("=") })
                }
              >
                {SIGNS.map((sign) => (
                  <option key={sign}>{sign}</option>
                ))}
              </select>
              <input
                aria-label="Value"
                placeholder={matcher.isRegex ? "cart.*" : "cart"}
                value={matcher.value}
                onInput={(event) => set(index, { value: event.currentTarget.value })}
              />
              <button
                type="button"
                class="quiet"
                aria-label="Take this away"
                disabled={matchers.length === 1}
                onClick={() => setMatchers((before) => before.filter((_, at) => at !== index))}
              >
                <Icon name="close" />
              </button>
            </div>
          ))}
          <div>
            <button type="button" onClick={() => setMatchers((before) => [...before, EMPTY])}>
              <Icon name="plus" /> Another label
            </button>
          </div>
          {error?.fields["matchers"] && <span class="field-error">{error.fields["matchers"]}</span>}
        </fieldset>
        <div class="field">
          <span class="small">For</span>
          <Choice
            label="For how long"
            options={Object.keys(LENGTHS) as Length[]}
            value={length}
            onChange={setLength}
          />
        </div>
        <Field label="Why" error={error?.fields["comment"]}>
          <input
            required
            maxLength={1000}
            placeholder="upgrade of the cart"
            value={comment}
            onInput={(event) => setComment(event.currentTarget.value)}
          />
        </Field>
        {error && (
          <p class="bad" role="alert">
            {error.message}
          </p>
        )}
        <div class="buttons">
          <button type="submit" class="primary" disabled={isBusy}>
            Silence
          </button>
          <button type="button" onClick={close}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const EMPTY: Matcher = { name: "", value: "", isRegex: false, isEqual: true };

function signOf({ isRegex, isEqual }: Matcher): string {
  return `${isEqual ? "=" : "!"}${isRegex ? "~" : isEqual ? "" : "="}`;
}

/** Labels that the address brings along. */
function given(match: string | null): Matcher[] {
  try {
    const labels: unknown = JSON.parse(match ?? "{}");
    const pairs = labels && typeof labels === "object" ? Object.entries(labels) : [];
    const matchers = pairs.map(([name, value]) => ({ ...EMPTY, name, value: String(value) }));
    return matchers.length ? matchers : [EMPTY];
  } catch {
    return [EMPTY];
  }
}

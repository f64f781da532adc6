// Where notices go: the channel, what it has to know, and a try.

import { useState } from "preact/hooks";
import { CHANNELS, type Channel, type ChannelConfig, testChannel } from "../../api/alerts";
import { asApiError } from "../../api/poll";
import { Field } from "../../parts/field";
import { CHANNEL_FIELDS, type ChannelField, list, pairs } from "./rule-form";

const TITLES: Record<Channel, string> = {
  console: "The server's own log",
  webhook: "Webhook",
  slack: "Slack",
  email: "E-mail",
  pagerduty: "PagerDuty",
  teams: "Microsoft Teams",
  alertmanager: "Alertmanager",
};

export interface ChannelFieldsProps {
  channel: Channel | null;
  config: ChannelConfig | null;
  errors: Readonly<Record<string, string>>;
  onChange: (channel: Channel | null, config: ChannelConfig | null) => void;
}

export function ChannelFields({ channel, config, errors, onChange }: ChannelFieldsProps) {
  const [said, setSaid] = useState<{ isGood: boolean; what: string }>();
  const fields = channel ? CHANNEL_FIELDS[channel] : [];

  function set(name: string, value: unknown) {
    const { [name]: _, ...rest } = config ?? {};
    onChange(channel, value === undefined ? rest : { ...rest, [name]: value });
  }

  async function attempt() {
    if (!channel) return;
    setSaid(undefined);
    try {
      const { delivered, reason } = await testChannel(channel, config);
      setSaid({ isGood: delivered, what: delivered ? "It arrived." : (reason ?? "It did not arrive.") });
    } catch (failure) {
      setSaid({ isGood: false, what: asApiError(failure).message });
    }
  }

  return (
    <>
      <Field label="Notices go to" error={errors["notification_channel"] ?? errors["notification_config"]}>
        <select
          value={channel ?? ""}
          onChange={({ currentTarget }) => {
            const chosen = CHANNELS.find((one) => one === currentTarget.value) ?? null;
            setSaid(undefined);
            onChange(chosen, chosen && CHANNEL_FIELDS[chosen].length ? {} : null);
          }}
        >
          <option value="">The receivers of the configuration, if any</option>
          {CHANNELS.map((channel) => (
            <option key={channel} value={channel}>
              {TITLES[channel]}
            </option>
          ))}
        </select>
      </Field>
      {fields.map((field) => (
        <Field
          key={`${channel} ${field.name}`}
          label={field.title}
          hint={field.hint}
          error={errors[`notification_config.${field.name}`]}
        >
          <Input field={field} value={config?.[field.name]} onChange={(value) => set(field.name, value)} />
        </Field>
      ))}
      {channel && (
        <div class="buttons">
          <button type="button" onClick={() => void attempt()}>
            Send a test notice
          </button>
          <span role="status" class={said?.isGood ? "good" : "bad"}>
            {said?.what}
          </span>
        </div>
      )}
    </>
  );
}

interface InputProps {
  field: ChannelField;
  value: unknown;
  onChange: (value: unknown) => void;
}

/** Takes what `Field` says of it, too. */
function Input({ field, value, onChange, ...rest }: InputProps & Record<string, unknown>) {
  const [text, setText] = useState(() => textOf(field, value));
  const take = (text: string) => {
    setText(text);
    onChange(valueFrom(field, text));
  };
  if (field.kind === "security") {
    return (
      <select {...rest} value={text} onChange={(event) => take(event.currentTarget.value)}>
        <option value="">STARTTLS</option>
        <option value="tls">TLS from the first byte on</option>
        <option value="none">None: inside a network only</option>
      </select>
    );
  }
  if (field.kind === "headers") {
    return <textarea {...rest} rows={2} value={text} onInput={(event) => take(event.currentTarget.value)} />;
  }
  return (
    <input
      {...rest}
      required={field.isNeeded}
      type={field.kind === "secret" ? "password" : field.kind === "number" ? "number" : "text"}
      autocomplete="off"
      value={text}
      onInput={(event) => take(event.currentTarget.value)}
    />
  );
}

function textOf({ kind }: ChannelField, value: unknown): string {
  if (value === undefined || value === null) return "";
  if (kind === "list" && Array.isArray(value)) return value.join(", ");
  if (kind === "headers" && typeof value === "object") {
    return Object.entries(value)
      .map(([name, text]) => `${name}: ${text}`)
      .join("\n");
  }
  return String(value);
}

function valueFrom({ kind }: ChannelField, text: string): unknown {
  if (text.trim() === "") return undefined;
  if (kind === "list") return list(text);
  if (kind === "headers") return pairs(text, ":");
  if (kind === "number") return Number(text);
  return text;
}

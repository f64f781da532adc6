// A choice among many, or all of them.

import { overview } from "../api/metrics";
import { usePoll } from "../api/poll";

export interface SelectProps {
  label: string;
  /** What it is called to choose none in particular. */
  all: string;
  /** Empty for all. */
  value: string;
  onChange: (value: string) => void;
  options: readonly { value: string; title: string }[];
}

export function Select({ label, all, value, onChange, options }: SelectProps) {
  return (
    <select aria-label={label} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
      <option value="">{all}</option>
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.title}
        </option>
      ))}
    </select>
  );
}

/** One of the services that logged in the last hour. */
export function ServiceSelect({ value, onChange }: Pick<SelectProps, "value" | "onChange">) {
  const { data } = usePoll("services", (signal) => overview("1h", signal), 30_000);
  const names = distinct(Object.keys(data?.by_service ?? {}), value);
  return (
    <Select
      label="Service"
      all="All services"
      value={value}
      onChange={onChange}
      options={names.map((name) => ({ value: name, title: name }))}
    />
  );
}

/** What there is, sorted; what is chosen is there in any case. */
export function distinct(values: readonly string[], chosen: string): string[] {
  return [...new Set([...values, chosen])].filter(Boolean).sort();
}

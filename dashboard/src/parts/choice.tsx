// One of a few: buttons side by side, of which one is pressed.

export interface ChoiceProps<T extends string> {
  label: string;
  options: readonly (T | { value: T; title: string })[];
  value: T;
  onChange: (value: T) => void;
}

export function Choice<T extends string>({ label, options, value, onChange }: ChoiceProps<T>) {
  return (
    <fieldset class="choice">
      <legend class="hidden">{label}</legend>
      {options.map((option) => {
        const [of, title] = typeof option === "string" ? [option, option] : [option.value, option.title];
        return (
          <button type="button" key={of} aria-pressed={of === value} onClick={() => onChange(of)}>
            {title}
          </button>
        );
      })}
    </fieldset>
  );
}

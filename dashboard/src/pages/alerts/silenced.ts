// Whether nobody is told of an alert.

import type { Silence } from "../../api/alerts";

/** Whether a silence is on for an alert of these labels: as the server sees it, who has the last word. */
export function isSilenced(silence: Silence, labels: Record<string, string>): boolean {
  return (
    silence.state === "active" &&
    silence.matchers.every(({ name, value, isRegex, isEqual }) => {
      const label = labels[name] ?? "";
      return (isRegex ? matches(value, label) : label === value) === isEqual;
    })
  );
}

function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, "s").test(text);
  } catch {
    return false;
  }
}

// What the browser's tab says: the page, and how many alerts fire.

import { effect, signal } from "@preact/signals";

export const title = signal("");
export const firing = signal(0);

effect(() => {
  const alerts = firing.value ? `(${firing.value}) ` : "";
  document.title = alerts + (title.value ? `${title.value} · Highwater` : "Highwater");
});

// What the browser's tab says.

import { signal } from "@preact/signals";

export const title = signal("");

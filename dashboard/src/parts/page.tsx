// What every page begins with: its heading, what is said of it, and what can be chosen for all of it.

import type { ComponentChildren } from "preact";

export interface PageHeadProps {
  title: string;
  note?: ComponentChildren;
  /** Choices and buttons at the right. */
  children?: ComponentChildren;
}

export function PageHead({ title, note, children }: PageHeadProps) {
  return (
    <header class="page-head">
      <h1>{title}</h1>
      {note && <p class="page-note">{note}</p>}
      {children && <div class="page-actions">{children}</div>}
    </header>
  );
}

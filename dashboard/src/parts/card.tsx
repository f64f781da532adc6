// A part of a page under a heading of its own.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

export interface CardProps {
  title: string;
  /** Said of it in small, beside the title. */
  note?: ComponentChildren;
  /** Buttons and links at the right. */
  actions?: ComponentChildren;
  /** Without padding, for tables and lists that reach the edges. */
  flush?: boolean;
  class?: string;
  children: ComponentChildren;
}

export function Card({ title, note, actions, flush, class: extra, children }: CardProps) {
  const id = useId();
  return (
    <section class={`card ${flush ? "card-flush" : ""} ${extra ?? ""}`} aria-labelledby={id}>
      <header class="card-head">
        <h2 id={id}>{title}</h2>
        {note && <span class="card-note">{note}</span>}
        {actions && <div class="card-actions">{actions}</div>}
      </header>
      <div class="card-body">{children}</div>
    </section>
  );
}

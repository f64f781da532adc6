// What stands where there is nothing to show: why, and what to do.

import type { ComponentChildren } from "preact";
import type { ApiError } from "../api/client";
import { Icon, type IconName } from "./icon";

export interface EmptyProps {
  title: string;
  icon?: IconName;
  children?: ComponentChildren;
}

export function Empty({ title, icon = "check", children }: EmptyProps) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <p class="empty-title">{title}</p>
      {children && <p class="dim">{children}</p>}
    </div>
  );
}

/** What went wrong, and a button to try again. */
export function Failure({ error, retry }: { error: ApiError; retry?: () => void }) {
  return (
    <div class="empty" role="alert">
      <Icon name="warning" />
      <p class="empty-title">{error.title}</p>
      <p class="dim">{error.message}</p>
      {error.requestId && <p class="dim mono">request {error.requestId}</p>}
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Grey lines where text will be. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div class="skeletons" aria-busy="true">
      <span class="hidden">Loading</span>
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} class="skeleton" />
      ))}
    </div>
  );
}

// Work that follows from many messages is done once for all of them: in the next frame, and not at all in a hidden page.

/**
 * A function that may be called as often as you like: `work` runs at most once per frame, and at most once in so many
 * milliseconds where that is said.
 */
export function perFrame(work: () => void, apart = 0): { (): void; cancel: () => void } {
  let asked = 0;
  let waits = 0;
  let next = 0;
  const frame = () => {
    // a hidden page gets no frames; the browser calls back once it is seen again
    asked = requestAnimationFrame(() => {
      next = performance.now() + apart;
      asked = waits = 0;
      work();
    });
  };
  const ask = () => {
    if (asked || waits) return;
    const rest = next - performance.now();
    if (rest > 0) waits = window.setTimeout(frame, rest);
    else frame();
  };
  ask.cancel = () => {
    clearTimeout(waits);
    cancelAnimationFrame(asked);
    asked = waits = 0;
  };
  return ask;
}

/** Waits until somebody can see the page, or until there is no need to. */
export function whenSeen(signal: AbortSignal): Promise<void> {
  if (!document.hidden || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const seen = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", seen);
      signal.removeEventListener("abort", seen);
      resolve();
    };
    document.addEventListener("visibilitychange", seen);
    signal.addEventListener("abort", seen);
  });
}

/** Waits; an end that comes early ends it early. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}

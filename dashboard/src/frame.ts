// Work that follows from many messages is done once for all of them: in the next frame, and not at all in a hidden page.

/** A function that may be called as often as you like: `work` runs at most once per frame. */
export function perFrame(work: () => void): { (): void; cancel: () => void } {
  let asked = 0;
  const ask = () => {
    if (asked) return;
    // a hidden page gets no frames; the browser calls back once it is seen again
    asked = requestAnimationFrame(() => {
      asked = 0;
      work();
    });
  };
  ask.cancel = () => {
    cancelAnimationFrame(asked);
    asked = 0;
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

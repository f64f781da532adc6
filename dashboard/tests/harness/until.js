/** Waiting for what must come true. */
import { setTimeout as pause } from "node:timers/promises";

const PATIENCE = 120_000;

/**
 * Asks again and again until the answer is true, and gives it back.
 * @template T
 * @param {string} what is waited for, to be told where it never comes
 * @param {() => T | Promise<T>} ask
 */
export async function until(what, ask, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${patience / 1000} s`);
    await pause(50);
  }
}

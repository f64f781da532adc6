/** What a page costs: bytes to fetch, time until it shows something, time it keeps its thread busy. */
import { get } from "node:http";

/** Bytes of an answer's body as they go over the wire to a browser that takes gzip. */
export function bytesOnTheWire(address) {
  return new Promise((resolve, reject) => {
    get(address, { headers: { "Accept-Encoding": "gzip" } }, (response) => {
      let bytes = 0;
      response.on("data", (piece) => {
        bytes += piece.length;
      });
      response.on("end", () => resolve(bytes));
      response.on("error", reject);
    }).on("error", reject);
  });
}

/** Milliseconds from the request to the first text or picture. @param {import("playwright-core").Page} page */
export function firstPaint(page) {
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        const tell = (list) => {
          const paint = list.getEntriesByName("first-contentful-paint")[0];
          if (paint) resolve(paint.startTime);
        };
        new PerformanceObserver(tell).observe({ type: "paint", buffered: true });
      }),
  );
}

/**
 * What a page's main thread does while `act` goes on: the share of time it is busy, in percent, and how long its longest
 * task is, in milliseconds. Both are time on a processor, so that other programs of the machine do not count.
 * @param {import("playwright-core").Browser} browser
 * @param {import("playwright-core").Page} page
 */
export async function busy(browser, page, act) {
  await browser.startTracing(page, {
    categories: ["__metadata", "toplevel", "disabled-by-default-devtools.timeline"],
  });
  await act();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const tasks = tasksOf(mainThread(traceEvents), traceEvents);
  const from = Math.min(...tasks.map(({ ts }) => ts));
  const to = Math.max(...tasks.map(({ ts, dur }) => ts + dur));
  const times = tasks.map((task) => task.tdur ?? task.dur);
  const sum = times.reduce((a, b) => a + b, 0);
  return { percent: (100 * sum) / (to - from), longest: Math.max(...times) / 1000 };
}

/** Of the renderer that was busiest: the page that is traced. */
function mainThread(events) {
  const threads = events.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain");
  const sum = (thread) => tasksOf(thread, events).reduce((all, { dur }) => all + dur, 0);
  return threads.reduce((best, next) => (sum(next) > sum(best) ? next : best));
}

/** Each task once: the browser tells of it by two names, of which one may be missing, and of tasks within tasks. */
function tasksOf({ pid, tid }, events) {
  const told = events.filter(
    (event) =>
      event.pid === pid &&
      event.tid === tid &&
      event.ph === "X" &&
      event.name.endsWith("RunTask") &&
      event.dur,
  );
  told.sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  let end = Number.NEGATIVE_INFINITY;
  return told.filter(({ ts, dur }) => {
    const isWithin = ts + dur <= end;
    end = Math.max(end, ts + dur);
    return !isWithin;
  });
}

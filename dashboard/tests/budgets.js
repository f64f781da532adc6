/** What the page may cost: bytes, time to the first paint, and the main thread's time while logs pour in. */
import assert from "node:assert/strict";
import test from "node:test";
import { busy, bytesOnTheWire, firstPaint } from "./harness/budget.js";
import { Job } from "./harness/job.js";
import { goTo, visit } from "./harness/visit.js";
import { PAGES } from "./pages.js";

const MOST_BYTES = 250_000;
const LATEST_PAINT_MS = 1000;
const BUSIEST_PERCENT = 30;
/** What the page must bear; a machine that cannot read so much tells how much it did. */
const LOGS_PER_SECOND = 50_000;
/** At which the tail must be smooth, and what a browser calls a long task. */
const TAIL_LOGS_PER_SECOND = 2000;
const LONG_TASK_MS = 50;
/** How long the main thread is looked at. */
const WATCHED_MS = 5000;
/** How often at most. */
const TRIES = 4;

export default function budgets(house) {
  test(`all there is to fetch takes at most ${MOST_BYTES} bytes`, async (t) => {
    const parts = new Set();
    await visit(house.browser, house.job.url, async (page) => {
      page.on("response", (response) => {
        const kind = response.request().resourceType();
        if (["script", "stylesheet", "image", "font"].includes(kind)) parts.add(response.url());
      });
      for (const address of Object.values(PAGES)) await goTo(page, address);
    });
    parts.add(`${house.job.url}/`);
    const addresses = [...parts].filter((address) => address.startsWith(house.job.url));
    const bytes = (await Promise.all(addresses.map(bytesOnTheWire))).reduce((a, b) => a + b, 0);
    t.diagnostic(`${bytes} bytes in ${addresses.length} files, gzipped`);
    assert.ok(addresses.length > 2, "it has scripts and a style sheet");
    assert.ok(bytes <= MOST_BYTES, `${bytes} bytes`);
  });

  test(`the first paint comes within ${LATEST_PAINT_MS} ms`, async (t) => {
    const paints = [];
    for (let times = 0; times < 5; times += 1) {
      paints.push(
        await visit(house.browser, house.job.url, async (page) => {
          await page.goto("/");
          return firstPaint(page);
        }),
      );
    }
    t.diagnostic(`after ${paints.map(Math.round).join(", ")} ms`);
    // what else the machine does can only make it later
    assert.ok(Math.min(...paints) < LATEST_PAINT_MS, "the best of five");
  });

  test(`the main thread is busy less than ${BUSIEST_PERCENT} % of the time, at full ingest`, async (t) => {
    const job = await Job.start({ rate: LOGS_PER_SECOND, history: "0s" });
    try {
      for (const [name, address] of Object.entries(PAGES)) {
        const { percent, told } = await watched(house.browser, job, address);
        t.diagnostic(`${name}: ${told} of ${LOGS_PER_SECOND} asked for`);
        assert.ok(percent < BUSIEST_PERCENT, `${name}: ${percent} % at best`);
      }
    } finally {
      await job.stop();
    }
  });

  test(`the tail is smooth at ${TAIL_LOGS_PER_SECOND} logs a second`, async (t) => {
    const job = await Job.start({ rate: TAIL_LOGS_PER_SECOND, history: "0s" });
    try {
      const { percent, longest, told } = await watched(house.browser, job, PAGES.tail);
      t.diagnostic(`${told} of ${TAIL_LOGS_PER_SECOND} asked for`);
      assert.ok(percent < BUSIEST_PERCENT, `${percent} % at best`);
      assert.ok(longest < LONG_TASK_MS, `a task of ${longest} ms at best`);
    } finally {
      await job.stop();
    }
  });
}

/**
 * What a page costs for some seconds while a job reads logs, and how many it reads: the best of so many tries as it takes to
 * stay within what it may cost, since what else the machine does can only make it dearer.
 */
async function watched(browser, job, address) {
  let best = await watchedOnce(browser, job, address);
  for (let times = 1; times < TRIES && !isCheap(best); times += 1) {
    const next = await watchedOnce(browser, job, address);
    if (isCheap(next) || next.percent < best.percent) best = next;
  }
  return best;
}

function isCheap({ percent, longest }) {
  return percent < BUSIEST_PERCENT && longest < LONG_TASK_MS;
}

function watchedOnce(browser, job, address) {
  return visit(browser, job.url, async (page) => {
    await goTo(page, address);
    const began = { at: performance.now(), logs: await logsRead(job) };
    const { percent, longest } = await busy(browser, page, () => page.waitForTimeout(WATCHED_MS));
    const seconds = (performance.now() - began.at) / 1000;
    const rate = Math.round(((await logsRead(job)) - began.logs) / seconds);
    const told = `${percent.toFixed(1)} % busy, longest task ${longest.toFixed(0)} ms, at ${rate} logs/s`;
    return { percent, longest, told };
  });
}

/** How many logs the job has read so far. */
async function logsRead(job) {
  const text = await (await fetch(`${job.url}/metrics`)).text();
  const counts = [...text.matchAll(/^highwater_logs_total(?:\{.*\})? (\d+)/gm)];
  assert.ok(counts.length > 0, "it counts the logs that it reads");
  return counts.reduce((all, [, count]) => all + Number(count), 0);
}

/**
 * The page in a browser, against the real binary. `scripts/dashboard` runs this.
 *
 * All that does not say otherwise looks at one job, whose made-up shop has its incidents; what a test sends there is of a
 * service of its own.
 */
import { after, before } from "node:test";
import accounts from "./accounts.js";
import alerts from "./alerts.js";
import anomalies from "./anomalies.js";
import budgets from "./budgets.js";
import { Job } from "./harness/job.js";
import { openBrowser } from "./harness/visit.js";
import logs from "./logs.js";
import pages from "./pages.js";
import patterns from "./patterns.js";
import traces from "./traces.js";

/** What tests share. */
const house = { browser: undefined, job: undefined };

before(async () => {
  house.browser = await openBrowser();
  house.job = await Job.start();
  await house.job.catchesUp();
});

after(async () => {
  await house.job?.stop();
  await house.browser?.close();
});

for (const suite of [logs, traces, patterns, anomalies, alerts, accounts, pages, budgets]) suite(house);

/** Each page, in both themes and both sizes: that it shows something, what it looks like, and whether all can read it. */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import test from "node:test";
import { axe, judge } from "./harness/axe.js";
import { goTo, SIZES, settled, THEMES, visit } from "./harness/visit.js";

const SCREENSHOTS = path.resolve(import.meta.dirname, "../../target/screenshots");

/** What there is to look at: a name for the picture, and where it is. */
export const PAGES = {
  overview: "/",
  logs: "/logs",
  tail: "/logs?live=true",
  anomalies: "/anomalies",
  alerts: "/alerts",
  traces: "/traces",
  graph: "/traces?show=graph",
  patterns: "/patterns",
  pipeline: "/pipeline",
};

export default function pages(house) {
  for (const [name, address] of Object.entries(PAGES)) {
    for (const theme of THEMES) {
      for (const size of Object.keys(SIZES)) {
        test(`${name}, ${theme}, ${size}: shows itself, and all can read it`, async () => {
          await visit(house.browser, house.job.url, (page) => show(page, name, address, theme, size), {
            theme,
            size,
            script: axe,
          });
        });
      }
    }
  }

  test("every page is reached by keys alone", async () => {
    await visit(house.browser, house.job.url, async (page) => {
      for (const name of ["Logs", "Anomalies", "Alerts", "Traces", "Patterns", "Pipeline"]) {
        await goTo(page, "/");
        // a number of open alerts may follow
        const link = page.getByRole("navigation").getByRole("link", { name: new RegExp(`^${name}`) });
        await tabTo(page, link);
        await page.keyboard.press("Enter");
        await page.getByRole("heading", { level: 1, name }).waitFor();
      }
    });
  });
}

async function show(page, name, address, theme, size) {
  await goTo(page, address);
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({
    path: path.join(SCREENSHOTS, `${name}-${theme}-${size}.png`),
    fullPage: size === "phone",
  });
  await settled(page);
  await noSidewaysScrolling(page);
  await judge(page);
}

/** A page that is wider than its window cannot be read on a phone. */
async function noSidewaysScrolling(page) {
  await page.waitForFunction(
    () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
  );
}

/** Presses Tab until the element has the focus. */
async function tabTo(page, element) {
  for (let presses = 0; presses < 20; presses += 1) {
    if (await element.evaluate((node) => node === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error("twenty Tabs do not lead there");
}

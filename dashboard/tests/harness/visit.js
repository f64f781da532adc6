/**
 * Somebody with a browser. What they must never meet fails the test they are in: an error on the console, a script that
 * throws, a request to any other host.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** How large a window is. */
export const SIZES = {
  desktop: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
};

export const THEMES = /** @type {const} */ (["light", "dark"]);

export function openBrowser() {
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/**
 * Opens a window, hands it over, and closes it.
 * @template T
 * @param {import("playwright-core").Browser} browser
 * @param {string} url of the job
 * @param {(page: import("playwright-core").Page) => Promise<T>} act
 * @param {object} [window]
 * @param {keyof typeof SIZES} [window.size]
 * @param {typeof THEMES[number]} [window.theme]
 * @param {string} [window.script] runs before each page's own
 * @param {RegExp} [window.accept] errors on the console that are meant to be there
 */
export async function visit(browser, url, act, { size = "desktop", theme = "light", script, accept } = {}) {
  const context = await browser.newContext({
    baseURL: url,
    viewport: SIZES[size],
    colorScheme: theme,
    reducedMotion: "reduce",
    isMobile: size === "phone",
    hasTouch: size === "phone",
  });
  context.setDefaultTimeout(30_000);
  if (script) await context.addInitScript({ content: script });
  const page = await context.newPage();
  const complaints = watch(page, url, accept);
  try {
    const result = await act(page);
    assert.deepEqual(complaints, [], "nothing to complain about");
    return result;
  } catch (error) {
    await picture(page);
    if (complaints.length) error.message += `\nThe browser said: ${complaints.join("\n")}`;
    throw error;
  } finally {
    await context.close();
  }
}

const FAILURES = path.resolve(import.meta.dirname, "../../../target/screenshots/failed");

/** What it looked like when a test failed, by the time of day. */
async function picture(page) {
  const name = `${new Date().toISOString().slice(11, 23).replaceAll(":", "-")}.png`;
  await page.screenshot({ path: path.join(FAILURES, name) }).catch(() => undefined);
}

/**
 * @param {import("playwright-core").Page} page
 * @returns {string[]} what went wrong, as it goes
 */
function watch(page, url, accept) {
  const complaints = [];
  const { host } = new URL(url);
  page.on("console", (message) => {
    const text = `${message.text()} (${message.location().url})`;
    if (message.type() === "error" && !accept?.test(text)) complaints.push(`console: ${text}`);
  });
  page.on("pageerror", (error) => complaints.push(`thrown: ${error.stack ?? error.message}`));
  page.on("request", (request) => {
    const address = new URL(request.url());
    const stays = address.host === host || ["data:", "blob:", "about:"].includes(address.protocol);
    if (!stays) complaints.push(`request to ${address}`);
  });
  return complaints;
}

/**
 * Goes to a page and waits until it shows what it is about: its heading, and no place that is still to be filled.
 * @param {import("playwright-core").Page} page
 */
export async function goTo(page, address) {
  await page.goto(address);
  await settled(page);
}

/** @param {import("playwright-core").Page} page */
export async function settled(page) {
  await page.locator("main h1").first().waitFor();
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"));
}

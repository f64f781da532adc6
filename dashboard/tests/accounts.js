/** Where people have accounts: nobody sees anything before they say who they are. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { axe, judge } from "./harness/axe.js";
import { Job } from "./harness/job.js";
import { until } from "./harness/until.js";
import { goTo, visit } from "./harness/visit.js";

/** A call that is refused is told on the console, whatever the page does about it. */
const REFUSED = { accept: /401 \(Unauthorized\)/ };
const OWN_PASSWORD = "a horse that staples batteries";
/** More of the usual session than passes before it is renewed, and less than all of it. */
const TWENTY_ONE_MINUTES = 21 * 60_000;

export default function accounts(house) {
  /** A job with a login, whose first user has a password of their own. */
  async function guarded(act, options) {
    const job = await Job.start({ login: true, rate: 5, history: "0s" });
    try {
      await visit(house.browser, job.url, (page) => act(page, job), { ...REFUSED, ...options });
    } finally {
      await job.stop();
    }
  }

  test("login guards every page, lets in who knows the password, and leads back to where they wanted", () =>
    guarded(comeIn, { script: axe }));

  test("a session goes on while the page is seen, in all tabs, and ends in all of them", () =>
    guarded(stayIn));

  test("a session that is over leads to the login, and from there back", () => guarded(comeBack));

  test("a download is the visitor's, and nobody else's", () => guarded(takeAway));
}

async function comeIn(page, { password }) {
  for (const address of ["/", "/logs", "/anomalies", "/alerts", "/traces", "/patterns", "/pipeline"]) {
    await page.goto(address);
    await page.waitForURL(/\/login\?next=/);
    await page.getByLabel("Password").waitFor();
    assert.equal(await page.getByRole("navigation").count(), 0, "nothing but the form is there");
  }
  await judge(page);

  await page.goto("/patterns?time_range=5m");
  await signIn(page, "not the password");
  await page.getByRole("alert").waitFor();
  await signIn(page, password);
  await choosePassword(page, password);
  await page.getByRole("heading", { level: 1, name: "Patterns" }).waitFor();
  assert.match(page.url(), /time_range=5m/, "it is the page that was asked for");

  await goTo(page, "/logs");
  await page.getByRole("button", { name: "admin" }).click();
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.waitForURL(/\/login/);
}

async function stayIn(page, { url, password }) {
  const renewals = [];
  page.context().on("response", (response) => {
    if (response.url().endsWith("/auth/refresh")) renewals.push(response.status());
  });
  await page.clock.install();
  await page.goto("/patterns");
  await signIn(page, password);
  await choosePassword(page, password);
  await page.getByRole("button", { name: "admin" }).waitFor();
  // a new password began a session, which was asked how long it lasts
  await until("the new session is asked", () => renewals.length > 0);
  const first = await sessionCookie(page);
  assert.equal(first.httpOnly, true, "no script gets at it");
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.ok(!stored.includes(first.value.split(".")[2]), "nothing that scripts get at shows who asks");
  const before = renewals.length;

  const other = await page.context().newPage();
  await other.goto(`${url}/traces`);
  await other.getByRole("button", { name: "admin" }).waitFor();

  // sessions that begin in the same second are shown by the same cookie
  const nextSecond = 1000 * (issuedAt(first) + 1);
  await until("another session is shown by another cookie", () => Date.now() >= nextSecond);
  await page.bringToFront();
  await page.clock.runFor(TWENTY_ONE_MINUTES);
  await until("the session is renewed", () => renewals.length > before);
  await until("its cookie is another one", async () => (await sessionCookie(page)).value !== first.value);
  assert.deepEqual([...new Set(renewals)], [200]);

  await page.getByRole("button", { name: "admin" }).click();
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.waitForURL(/\/login/);
  await other.waitForURL(/\/login\?next=%2Ftraces/);
}

async function comeBack(page, job) {
  await page.goto("/");
  await signIn(page, job.password);
  await choosePassword(page, job.password);
  await goTo(page, "/logs?level=ERROR&time_range=1h");
  // somebody ends all sessions from elsewhere; the browser has its cookie still
  const { value } = await sessionCookie(page);
  const over = await fetch(`${job.url}/api/v1/auth/logout`, {
    method: "POST",
    headers: { Authorization: `Bearer ${value}` },
  });
  assert.equal(over.status, 204);
  await page.getByRole("button", { name: "Refresh", exact: true }).click();
  await page.waitForURL(/\/login\?next=/);
  await signIn(page, OWN_PASSWORD);
  await page.getByRole("heading", { level: 1, name: "Logs" }).waitFor();
  const { searchParams } = new URL(page.url());
  assert.deepEqual(Object.fromEntries(searchParams), { level: "ERROR", time_range: "1h" });
}

async function takeAway(page, job) {
  await page.goto("/logs?time_range=1h");
  await signIn(page, job.password);
  await choosePassword(page, job.password);
  await page.getByRole("heading", { level: 1, name: "Logs" }).waitFor();
  const { value } = await sessionCookie(page);
  await until("there is a log to take away", async () => {
    const headers = { Authorization: `Bearer ${value}` };
    const found = await fetch(`${job.url}/api/v1/logs/search?time_range=1h&limit=1`, { headers });
    return (await found.json()).total > 0;
  });
  await page.getByRole("button", { name: "Export", exact: true }).click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "NDJSON" }).click(),
  ]);
  const lines = (await readFile(await download.path(), "utf8")).trim().split("\n");
  assert.ok(JSON.parse(lines[0]).id, "it is a log");
  assert.equal((await fetch(download.url())).status, 401, "the address alone shows nobody");
}

async function signIn(page, password) {
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Somebody else made the password that there is. */
async function choosePassword(page, password) {
  await page.getByLabel("Password as it is").fill(password);
  await page.getByLabel("New password", { exact: true }).fill(OWN_PASSWORD);
  await page.getByLabel("New password again").fill(OWN_PASSWORD);
  await page.getByRole("button", { name: "Change password" }).click();
  await page.waitForURL((address) => address.pathname !== "/login");
}

/** What shows who is signed in. */
async function sessionCookie(page) {
  const cookies = await page.context().cookies();
  return cookies.find(({ name }) => name === "highwater_session");
}

/** When it was made, in seconds since 1970. */
function issuedAt({ value }) {
  return JSON.parse(Buffer.from(value.split(".")[1], "base64url").toString()).iat;
}

/** Where people have accounts: nobody sees anything before they say who they are. */
import assert from "node:assert/strict";
import test from "node:test";
import { axe, judge } from "./harness/axe.js";
import { Job } from "./harness/job.js";
import { goTo, visit } from "./harness/visit.js";

/** A call that is refused is told on the console, whatever the page does about it. */
const REFUSED = { accept: /401 \(Unauthorized\)/ };
const OWN_PASSWORD = "a horse that staples batteries";

export default function accounts(house) {
  test("login guards every page, lets in who knows the password, and leads back to where they wanted", async () => {
    const job = await Job.start({ login: true, rate: 5, history: "0s" });
    try {
      await visit(house.browser, job.url, (page) => comeIn(page, job.password), { ...REFUSED, script: axe });
    } finally {
      await job.stop();
    }
  });
}

async function comeIn(page, password) {
  for (const address of ["/", "/logs", "/anomalies", "/alerts", "/traces", "/patterns", "/pipeline"]) {
    await page.goto(address);
    await page.waitForURL(/\/login\?next=/);
    await page.getByLabel("Password").waitFor();
    assert.equal(await page.getByRole("navigation").count(), 0, "nothing but the form is there");
  }
  await judge(page);

  await page.goto("/patterns?time_range=5m");
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();

  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Password as it is").fill(password);
  await page.getByLabel("New password", { exact: true }).fill(OWN_PASSWORD);
  await page.getByLabel("New password again").fill(OWN_PASSWORD);
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByRole("heading", { level: 1, name: "Patterns" }).waitFor();
  assert.match(page.url(), /time_range=5m/, "it is the page that was asked for");

  // another tab of nobody's is still kept out; this one stays in
  await goTo(page, "/logs");
  await page.getByRole("button", { name: "admin" }).click();
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.waitForURL(/\/login/);
}

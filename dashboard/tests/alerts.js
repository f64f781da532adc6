/** The page of alerts: a rule from its form to the alert that somebody acknowledges. */
import assert from "node:assert/strict";
import test from "node:test";
import { burst } from "./harness/shop.js";
import { goTo, visit } from "./harness/visit.js";

const SERVICE = "kiosk";
const RULE = "kiosk errors";

export default function alerts(house) {
  const look = (act) => visit(house.browser, house.job.url, act);

  test("a rule that is made in the form fires", async () => {
    await look(async (page) => {
      await goTo(page, "/alerts");
      await page.getByRole("button", { name: "New rule" }).click();
      const form = page.getByRole("dialog", { name: "New rule" });
      await form.getByLabel("Name", { exact: true }).fill(RULE);
      await form.getByLabel("Measure").selectOption({ label: "Number of logs" });
      await form.getByLabel("Over", { exact: true }).fill("5m");
      await form.getByLabel(/^Threshold/).fill("20");
      await form.getByLabel("Services").fill(SERVICE);
      await form.getByLabel("ERROR").check();
      await form.getByRole("button", { name: "Make the rule" }).click();
      await page.getByRole("button", { name: RULE, exact: true }).waitFor();

      await house.job.log(...burst(SERVICE, { seconds: 30, each: 5 }));
      await page.goto("/alerts");
      const row = page.getByRole("row").filter({ hasText: RULE });
      await row.filter({ hasText: "Firing" }).waitFor({ timeout: 120_000 });
    });
  });

  test("who looks into an alert says so, and later that it is over", async () => {
    await look(async (page) => {
      await goTo(page, "/alerts");
      await page.getByRole("button", { name: new RegExp(`^${RULE}`) }).click();
      const details = page.getByRole("dialog");
      await details.getByRole("button", { name: "Acknowledge" }).click();
      await details.getByText("Acknowledged").first().waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("row").filter({ hasText: RULE }).filter({ hasText: "Acknowledged" }).waitFor();
    });
  });

  test("a back-test of a rule is drawn", async () => {
    await look(async (page) => {
      await goTo(page, "/alerts?tab=rules");
      await page.getByRole("button", { name: `Back-test ${RULE}` }).click();
      const test = page.getByRole("dialog", { name: `Back-test of ${RULE}` });
      await test.getByText(SERVICE).first().waitFor({ timeout: 120_000 });
      const drawn = test.locator(".lane-firing[style]");
      const { width } = await drawn.first().boundingBox();
      assert.ok(width > 0, "when it would have fired is drawn");
    });
  });

  test("a silence that is made in the form is in force", async () => {
    await look(async (page) => {
      await goTo(page, "/alerts");
      await page.getByRole("button", { name: "Silence", exact: true }).click();
      const form = page.getByRole("dialog", { name: "Silence" });
      await form.getByLabel("Label").first().fill("alertname");
      await form.getByLabel("Value").first().fill(RULE);
      await form.getByLabel("Why").fill("the ledger is being repaired");
      await form.locator("button[type=submit]").click();
      await form.waitFor({ state: "detached" });
      await page.goto("/alerts?tab=silences");
      await page.getByRole("row").filter({ hasText: RULE }).waitFor();
    });
  });

  test("a rule is switched off", async () => {
    await look(async (page) => {
      await goTo(page, "/alerts?tab=rules");
      const way = page.getByRole("switch", { name: `${RULE} is on` });
      await way.click();
      await page.getByRole("row").filter({ hasText: RULE }).getByText("off", { exact: true }).waitFor();
      assert.equal(await way.getAttribute("aria-checked"), "false");
    });
  });
}

/** A burst of errors: it shows wherever somebody on call looks. */
import test from "node:test";
import { burst, quiet } from "./harness/shop.js";
import { until } from "./harness/until.js";
import { goTo, visit } from "./harness/visit.js";

const SERVICE = "till";

export default function anomalies(house) {
  test("a burst of errors shows as an anomaly card and as an alert, on pages that are open", async () => {
    await house.job.log(...quiet(SERVICE, { from: 25, to: 1 }));
    await until("its past", async () => {
      const { total } = await house.job.get(`/api/v1/logs/search?service=${SERVICE}&limit=1`);
      return total > 500;
    });
    await visit(house.browser, house.job.url, async (overview) => {
      await goTo(overview, "/");
      await visit(house.browser, house.job.url, async (alerts) => {
        await goTo(alerts, "/alerts?view=all");
        await house.job.log(...burst(SERVICE, { seconds: 60, each: 10 }));
        const card = overview.locator("li.anomaly").filter({ hasText: SERVICE });
        await card.first().waitFor({ timeout: 90_000 });
        const row = alerts
          .getByRole("row")
          .filter({ hasText: "high_error_rate" })
          .filter({ hasText: SERVICE });
        await row.first().waitFor({ timeout: 90_000 });
        const incidents = overview.getByRole("list", { name: "The last incidents" });
        await incidents.getByRole("link", { name: SERVICE }).first().waitFor({ timeout: 90_000 });
      });
    });
  });

  test("why it was flagged: the band, each method's score, the messages that changed, and its logs", async () => {
    await visit(house.browser, house.job.url, async (page) => {
      await goTo(page, `/anomalies?service=${SERVICE}&metric=error_rate`);
      await page.locator(".found-item").filter({ hasText: SERVICE }).first().click();
      await page.waitForURL(/id=/);
      const why = page.getByRole("region", { name: SERVICE });
      for (const text of ["Expected", "Unremarkable", "Deviation"])
        await why.getByText(text, { exact: true }).waitFor();
      await why.getByRole("rowheader", { name: "level ERROR" }).waitFor();
      await why.getByText("the ledger is away").first().waitFor();
      await why.getByRole("link", { name: "Logs of this time" }).click();
      await page.getByRole("heading", { level: 1, name: "Logs" }).waitFor();
      await page.getByText("the ledger is away").first().waitFor();
    });
  });
}

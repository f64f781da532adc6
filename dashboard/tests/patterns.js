/** The page of message templates. */
import assert from "node:assert/strict";
import test from "node:test";
import { quiet } from "./harness/shop.js";
import { until } from "./harness/until.js";
import { goTo, visit } from "./harness/visit.js";

export default function patterns(house) {
  test("a message that was never seen before is a new template, before all that are not, and leads to its logs", async () => {
    const service = "loom";
    await house.job.log(...quiet(service, { from: 20, to: 1 }));
    const news = Array.from({ length: 3 }, (_, number) => ({
      service,
      level: "ERROR",
      message: `thread ${number + 1} broke at the selvage`,
    }));
    await house.job.log(...news);
    await until("the template", async () => {
      const { patterns } = await house.job.get(`/api/v1/logs/patterns?service=${service}&new=true`);
      return patterns.some(({ pattern }) => pattern.includes("selvage"));
    });
    await until("its logs", async () => {
      const { total } = await house.job.get(`/api/v1/logs/search?service=${service}&query=selvage`);
      return total === news.length;
    });
    await visit(house.browser, house.job.url, async (page) => {
      await goTo(page, `/patterns?service=${service}`);
      const rows = page.getByRole("region", { name: "Message templates" }).locator("tbody tr");
      await until("the new one at the top", async () =>
        (await rows.first().textContent()).includes("selvage"),
      );
      assert.match(await rows.first().textContent(), /NEW/);
      assert.doesNotMatch(await rows.last().textContent(), /NEW/);
      await rows.first().getByRole("button").click();
      const details = page.getByRole("dialog");
      await details.getByText("thread 1 broke at the selvage").waitFor();
      await details.getByRole("img", { name: /in a minute/ }).waitFor();
      await details.getByRole("link", { name: "Its logs" }).click();
      await page.getByRole("heading", { level: 1, name: "Logs" }).waitFor();
      await page.getByText("3 logs").first().waitFor();
    });
  });

  test("templates are found by their words", async () => {
    await visit(house.browser, house.job.url, async (page) => {
      await goTo(page, "/patterns");
      await page.getByLabel("Words of the template").fill("order placed");
      await page.waitForFunction(() => {
        const rows = [...document.querySelectorAll("tbody tr")].map((row) => row.textContent.toLowerCase());
        return rows.length > 0 && rows.every((text) => text.includes("order") && text.includes("placed"));
      });
    });
  });
}

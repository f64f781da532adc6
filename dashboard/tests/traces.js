/** The page of traces: a list, one as a waterfall, and who calls whom. */
import assert from "node:assert/strict";
import test from "node:test";
import { until } from "./harness/until.js";
import { goTo, visit } from "./harness/visit.js";

const TRACE = "c0ffee00c0ffee00c0ffee00c0ffee00";

/** A call within a call, as two services log it. */
function trace(now) {
  const at = (milliseconds) => new Date(now + milliseconds).toISOString();
  const of = { trace_id: TRACE };
  return [
    {
      ...of,
      timestamp: at(100),
      span_id: "000000000000000b",
      service: "beans",
      level: "ERROR",
      message: "no beans",
      latency_ms: 60,
    },
    {
      ...of,
      timestamp: at(140),
      span_id: "000000000000000a",
      service: "counter",
      message: "no coffee",
      latency_ms: 140,
    },
  ];
}

export default function traces(house) {
  const look = (act) => visit(house.browser, house.job.url, act);

  test("a trace is shown as a waterfall of its spans, with its logs", async () => {
    await house.job.log(...trace(Date.now()));
    await until("the trace", async () => {
      const { logs } = await house.job.get(`/api/v1/logs/search?trace_id=${TRACE}`);
      return logs.length === 2;
    });
    await look(async (page) => {
      await goTo(page, "/traces");
      await page.getByLabel("Trace id").fill(TRACE);
      await page.keyboard.press("Enter");
      const rows = page.getByRole("region", { name: "Waterfall" }).locator("tbody tr");
      await rows.first().waitFor();
      const told = await rows.evaluateAll((all) =>
        all.map((row) => [...row.cells].slice(0, 2).map((cell) => cell.textContent)),
      );
      assert.deepEqual(told, [
        ["counter", "140 ms"],
        ["beansERROR", "60 ms"],
      ]);
      const bars = await page
        .locator(".span-bar")
        .evaluateAll((all) => all.map((bar) => bar.getBoundingClientRect().toJSON()));
      assert.ok(
        bars[1].left > bars[0].left && bars[1].right < bars[0].right,
        "the inner one lies within the outer",
      );
      await rows.nth(1).getByRole("button").click();
      await page.waitForFunction(() => document.querySelectorAll(".log-row").length === 1);
      await page.getByRole("button", { name: "no beans" }).waitFor();
    });
  });

  test("only traces with errors, of one service", async () => {
    await look(async (page) => {
      await goTo(page, "/traces?service=frontend");
      await page.getByLabel("With errors").check();
      await page.waitForURL(/errors=true/);
      await page.waitForFunction(() => {
        const rows = [...document.querySelectorAll("tbody tr")].map((row) => row.children[3]?.textContent);
        return rows.length > 0 && rows.every((errors) => Number(errors) > 0);
      });
      await page.locator("tbody th a").first().click();
      await page.getByRole("heading", { level: 1, name: "Trace" }).waitFor();
      await page.getByRole("region", { name: "Waterfall" }).getByText("frontend").first().waitFor();
    });
  });

  test("the service graph shows the calls of a service that is chosen", async () => {
    await look(async (page) => {
      await goTo(page, "/traces?show=graph");
      const node = page
        .getByRole("region", { name: "Service graph" })
        .getByRole("button", { name: /^checkout-service/ });
      await node.press("Enter");
      await page.getByRole("heading", { name: "Calls of checkout-service" }).waitFor();
      const calls = page.getByRole("region", { name: "Calls", exact: true }).locator("tbody tr");
      const told = await calls.evaluateAll((all) =>
        all.map((row) => [row.children[0].textContent, row.children[1].textContent]),
      );
      assert.ok(told.length > 1);
      assert.ok(
        told.every((ends) => ends.includes("checkout-service")),
        JSON.stringify(told),
      );
      assert.ok(told.some(([caller]) => caller === "api-gateway"));
    });
  });
}

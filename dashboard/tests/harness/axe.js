/** Whether a page can be read and used by everybody, as axe-core judges by WCAG 2.1 A and AA. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

/** What has to be in a page before [`judge`] can judge it. */
export const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];

/** @param {import("playwright-core").Page} page */
export async function judge(page) {
  const violations = await page.evaluate(async (rules) => {
    const { violations } = await globalThis.axe.run({ runOnly: rules });
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${help}\n  ${target.join(" ")}\n  ${failureSummary}`),
    );
  }, RULES);
  assert.deepEqual(violations, [], "axe finds nothing");
}

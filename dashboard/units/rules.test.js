// Rules, from fields of a form to what is sent, and in words.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.js";

const { draftFrom, formOf, list, pairs } = await load("src/pages/alerts/rule-form.ts");
const { condition, scope } = await load("src/pages/alerts/words.ts");
const { isSilenced } = await load("src/pages/alerts/silenced.ts");

test("a rule that nobody touched is sent as it came", () => {
  const { draft } = formOf();
  const rule = {
    ...draft,
    name: "errors",
    threshold: 0.5,
    clear_threshold: 0.25,
    services: ["cart", "pay*"],
    labels: { team: "web", url: "a=b" },
    notification_channel: "webhook",
    notification_config: { url: "https://a.example/<secret>", headers: { A: "<secret>" } },
  };
  assert.deepEqual(draftFrom(formOf(rule)), rule);
});

test("absence has no threshold, whatever stands in the field", () => {
  const form = formOf({ ...formOf().draft, metric: "absence" });
  assert.equal(draftFrom({ ...form, threshold: "5", clearThreshold: "4" }).threshold, null);
  assert.equal(draftFrom({ ...form, threshold: "5", clearThreshold: "4" }).clear_threshold, null);
});

test("what is no number is told by the server, which gets none", () => {
  for (const threshold of ["", " ", "five", "5%"]) {
    assert.equal(draftFrom({ ...formOf(), threshold }).threshold, null, threshold);
  }
  assert.equal(draftFrom({ ...formOf(), threshold: " 0 " }).threshold, 0);
});

test("a channel's configuration goes with the channel", () => {
  const { draft } = formOf();
  const form = formOf({ ...draft, notification_config: { url: "x" } });
  assert.equal(draftFrom(form).notification_config, null);
});

test("lists and pairs are read as people write them", () => {
  assert.deepEqual(list(" a, b ,,c "), ["a", "b", "c"]);
  assert.deepEqual(pairs("team = web\n\nurl=a=b\nlonely", "="), { team: "web", url: "a=b", lonely: "" });
});

test("a rule is told in words", () => {
  const { draft } = formOf();
  assert.equal(condition(draft), "error rate > 5 % in 5m");
  assert.equal(
    condition({ ...draft, metric: "count", condition: "less_than", for: "1m" }),
    "logs < 5 in 5m, for 1m",
  );
  assert.equal(condition({ ...draft, metric: "absence", threshold: null }), "no log in 5m");
  assert.equal(scope(draft), "all services · by service");
  assert.equal(
    scope({ ...draft, group_by: null, services: ["a"], levels: ["WARN"] }),
    "a · WARN · all together",
  );
});

test("a silence is on for labels that all of its matchers take", () => {
  const matcher = (name, value, isRegex = false, isEqual = true) => ({ name, value, isRegex, isEqual });
  const labels = { service: "cart-eu" };
  for (const [matchers, expected] of [
    [[matcher("service", "cart-eu")], true],
    [[matcher("service", "cart")], false],
    [[matcher("service", "cart.*", true)], true],
    [[matcher("service", "cart", true)], false],
    [[matcher("service", "cart", true, false)], true],
    [[matcher("service", "cart-eu"), matcher("team", "web")], false],
    [[matcher("team", "web", false, false)], true],
    [[matcher("service", "(", true)], false],
  ]) {
    assert.equal(isSilenced({ state: "active", matchers }, labels), expected, JSON.stringify(matchers));
    assert.equal(isSilenced({ state: "expired", matchers }, labels), false);
  }
});

/** Says what each test came to, in the words of `scripts/test`: the last line is `N passed, N failed, N skipped`. */

/** What node says of the whole run, which is counted here. */
const SUMMARY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

/** @param {AsyncIterable<{ type: string, data: any }>} events */
export default async function* report(events) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of events) {
    if (type === "test:diagnostic" && !SUMMARY.test(data.message)) yield `    ${data.message}\n`;
    if (type === "test:stdout" || type === "test:stderr") yield data.message;
    if (!["test:pass", "test:fail"].includes(type) || data.details.type === "suite") continue;
    const seconds = (data.details.duration_ms / 1000).toFixed(1);
    if (data.skip !== undefined) {
      count.skipped += 1;
      yield `SKIPPED: dashboard: ${data.name}: ${data.skip || "no reason given"}\n`;
    } else if (type === "test:pass") {
      count.passed += 1;
      yield `ok: ${data.name} (${seconds} s)\n`;
    } else {
      count.failed += 1;
      const error = data.details.error;
      yield `failed: dashboard: ${data.name} (${seconds} s)\n${error?.cause?.stack ?? error?.stack ?? error}\n`;
    }
  }
  yield `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`;
}

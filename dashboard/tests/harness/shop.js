/** Logs of a service of a test's own. */

/**
 * What a quiet service says: a log every two seconds, one in fifty an error.
 * @param {string} service
 * @param {{ from: number, to: number }} time in minutes before now
 */
export function quiet(service, { from, to }) {
  const now = Date.now();
  const logs = [];
  for (let at = now - from * 60_000, number = 0; at < now - to * 60_000; at += 2000, number += 1) {
    const isBad = number % 50 === 49;
    logs.push({
      timestamp: new Date(at).toISOString(),
      service,
      level: isBad ? "ERROR" : "INFO",
      message: isBad ? `drawer ${number} is stuck` : `sale ${number} took ${10 + (number % 7)} ms`,
    });
  }
  return logs;
}

/** What it says when all goes wrong, up to now. */
export function burst(service, { seconds, each }) {
  const now = Date.now();
  return Array.from({ length: seconds * each }, (_, number) => ({
    timestamp: new Date(now - seconds * 1000 + (number * 1000) / each).toISOString(),
    service,
    level: "ERROR",
    message: `sale ${number} is lost: the ledger is away`,
  }));
}

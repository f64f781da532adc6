/**
 * The real binary: a job of its own on a free port, with made-up logs and a way in for those of a test.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { until } from "./until.js";

const BINARY =
  process.env.HIGHWATER_BIN ?? path.resolve(import.meta.dirname, "../../../target/debug/highwater");

/**
 * What a job's configuration says.
 * @param {string} folder where it keeps its state
 * @param {{ login: boolean, rate: number, history: string }} wanted
 */
function configuration(folder, { login, rate, history }) {
  return `
[http]
listen = "127.0.0.1:0"
[http.limits]
per_minute = 0
search_per_minute = 0
lookup_per_minute = 0
login_per_hour = 0
register_per_hour = 0
[accounts]
login = "${login ? "always" : "never"}"
[state]
path = "${folder}/state"
[queries.service_graph]
share = 1.0
[[source]]
type = "generator"
rate = ${rate}
history = "${history}"
[[source]]
type = "http"
`;
}

/** A job that runs. */
export class Job {
  /** Where it listens, such as `http://127.0.0.1:40001`. */
  url = "";
  /** The first user's password, where there is a login. */
  password = "";
  #said = "";
  #process;
  #folder;

  /** Starts one, and waits until it answers. */
  static async start({ login = false, rate = 20, history = "20m" } = {}) {
    const folder = await mkdtemp(path.join(tmpdir(), "highwater-dashboard-"));
    const file = path.join(folder, "highwater.toml");
    await writeFile(file, configuration(folder, { login, rate, history }));
    const job = new Job(folder, spawn(BINARY, ["run", "--config", file]));
    try {
      await job.#answers();
    } catch (error) {
      await job.stop();
      throw new Error(`the job did not start; it said:\n${job.#said}`, { cause: error });
    }
    return job;
  }

  constructor(folder, process) {
    this.#folder = folder;
    this.#process = process;
    for (const stream of [process.stdout, process.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        // it says where it is every second
        this.#said = (this.#said + text).slice(-20_000);
        this.url ||= /listening on (http:\S+)/.exec(this.#said)?.[1] ?? "";
        this.password ||= /with the password (\S+)\s/.exec(this.#said)?.[1] ?? "";
      });
    }
    process.on("error", (error) => {
      this.#said += error.message;
    });
  }

  async #answers() {
    await until("the job listens", () => {
      assert.equal(this.#process.exitCode, null, "it has ended");
      return this.url;
    });
    await until("the job is ready", async () => (await fetch(`${this.url}/readyz`)).ok);
  }

  /** Waits until logs can be found and what has passed is behind it. */
  async catchesUp() {
    await until("the job has caught up", async () => {
      const { lag, components } = await this.get("/health");
      if (components.search === undefined || lag === null || lag > 20) return false;
      const { logs } = await this.get("/api/v1/logs/search?limit=1");
      return logs.some(({ timestamp }) => Date.now() - Date.parse(timestamp) < 5000);
    });
  }

  /** What it answers to a GET. */
  async get(address, token) {
    return this.#ask(address, { headers: token ? { Authorization: `Bearer ${token}` } : {} });
  }

  /** What it answers to a POST of JSON. */
  async post(address, body) {
    return this.#ask(address, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  /** Sends logs, which are durable once this returns. */
  async log(...logs) {
    const { accepted } = await this.post("/api/v1/logs", logs);
    assert.equal(accepted, logs.length, "every log is accepted");
  }

  async #ask(address, request) {
    const response = await fetch(this.url + address, request);
    const text = await response.text();
    // an unhealthy job says so with a status of its own
    assert.ok(response.ok || address === "/health", `${address}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** Ends it, and takes its folder away. */
  async stop() {
    if (this.#process.pid && this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, "exit");
      this.#process.kill("SIGINT");
      const late = setTimeout(() => this.#process.kill("SIGKILL"), 20_000);
      await ended;
      clearTimeout(late);
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

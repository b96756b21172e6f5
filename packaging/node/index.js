// The reference Trenchcoat API for tests: starts `trenchcheck mock`, and gives each test a workspace of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export const kinds = [
  ["reference", []],
  ["as-deployed", ["as-deployed"]],
];

class Workspace {
  #mock;
  #path;

  constructor(mock, made) {
    this.#mock = mock;
    this.#path = `workspaces/${made.id}`;
    this.url = mock.url + made.base_url;
  }

  async key(scopes, { name = "plugin", plan = "standard" } = {}) {
    return (await this.#mock.control("POST", `${this.#path}/keys`, { name, scopes, plan })).key;
  }

  async fault(spec) {
    return (await this.#mock.control("POST", `${this.#path}/faults`, spec)).id;
  }

  async advance(seconds) {
    await this.#mock.control("POST", `${this.#path}/clock/advance`, { ms: Math.round(seconds * 1000) });
  }

  async journal(filters = {}) {
    return (await this.#mock.control("GET", `${this.#path}/journal?${new URLSearchParams(filters)}`)).entries;
  }

  async wait(count, { timeout = 5, ...filters } = {}) {
    const query = new URLSearchParams({ count, timeout_ms: Math.round(timeout * 1000), ...filters });
    const found = await this.#mock.control("GET", `${this.#path}/journal/wait?${query}`);
    if (!found.complete) throw new Error(`${found.count} of ${count} requests came in ${timeout} s`);
    return found.entries;
  }

  async close() {
    await this.#mock.control("DELETE", this.#path);
  }
}

class Mock {
  #process;

  constructor(process, ready) {
    this.#process = process;
    this.url = ready.url;
    this.keys = Object.fromEntries(ready.keys.filter(({ key }) => key).map(({ variable, key }) => [variable, key]));
  }

  async control(method, path, body) {
    const answer = await fetch(`${this.url}/_mock/${path}`, { method, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(JSON.parse(text).error.message);
    return text ? JSON.parse(text).data : undefined;
  }

  async workspace(settings = {}) {
    return new Workspace(this, await this.control("POST", "workspaces", settings));
  }

  async stop() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await ended;
  }
}

export async function startMock({ program = process.env.TRENCHCHECK ?? "trenchcheck", arguments: more = [] } = {}) {
  const command = ["mock", "--port", "0", "--json", ...more];
  const started = spawn(program, command, { stdio: ["ignore", "pipe", "inherit"] });
  // The ready line: whoever has read it can send requests.
  const [line] = await Promise.race([
    once(createInterface(started.stdout), "line"),
    // A program that is not there is an error by itself.
    once(started, "exit").then(([code]) => {
      throw new Error(`${program} ${command.join(" ")} ended with exit code ${code}`);
    }),
  ]);
  return new Mock(started, JSON.parse(line));
}

// A plugin's tests against the mock: Node's own test runner, and nothing else.
//
//     TRENCHCHECK=target/release/trenchcheck node --test ci/examples

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";

let mock;
let url;

before(async () => {
  const program = process.env.TRENCHCHECK ?? "trenchcheck";
  mock = spawn(program, ["mock", "--port", "0", "--json"], { stdio: ["ignore", "pipe", "inherit"] });
  // The ready line: whoever has read it can send requests.
  const [line] = await once(createInterface(mock.stdout), "line");
  url = JSON.parse(line).url;
});

after(async () => {
  mock.kill("SIGTERM");
  await once(mock, "exit");
});

async function control(method, path, body) {
  const answer = await fetch(`${url}/_mock/${path}`, { method, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.status === 204 ? undefined : (await answer.json()).data;
}

/** A workspace of its own: keys, sessions, clock and journal, so tests run side by side. */
async function workspace(settings) {
  const made = await control("POST", "workspaces", settings);
  const path = `workspaces/${made.id}`;
  const { key } = await control("POST", `${path}/keys`, { name: "plugin", scopes: ["write:events"] });
  const slept = [];
  return {
    slept,
    plugin: new Plugin(url + made.base_url, key, async (seconds) => {
      // Instead of waiting, the mock's clock is set forward.
      slept.push(seconds);
      await control("POST", `${path}/clock/advance`, { ms: seconds * 1000 });
    }),
    fault: (fault) => control("POST", `${path}/faults`, fault),
    journal: async (query = "") => (await control("GET", `${path}/journal${query}`)).entries,
  };
}

/** Stands for your plugin: it posts events, and waits as long as Retry-After says. */
class Plugin {
  constructor(baseUrl, key, sleep) {
    Object.assign(this, { baseUrl, key, sleep });
  }

  async flush(events) {
    for (;;) {
      let answer;
      try {
        answer = await fetch(`${this.baseUrl}/api/v1/events`, {
          method: "POST",
          headers: { "X-API-Key": this.key, "Content-Type": "application/json" },
          body: JSON.stringify({ events }),
        });
      } catch {
        // The line broke. Sending again is safe: events are told apart by session, type and time.
        continue;
      }
      if (answer.ok) return (await answer.json()).data.accepted;
      assert.equal(answer.status, 429);
      await this.sleep(Number(answer.headers.get("Retry-After")));
    }
  }
}

const event = (number) => ({
  event: "tool_use",
  session_id: "s",
  ts: `2026-01-01T00:00:${String(number).padStart(2, "0")}Z`,
  seq: number,
});

// One deployment takes all that the page shows, the other only what published clients send.
for (const deviations of [[], ["as-deployed"]]) describe(`the plugin ${deviations}`, { concurrency: true }, () => {
  it("waits as long as it is told and loses nothing", async () => {
    const { plugin, slept, journal } = await workspace({ limits: { ingestion: "3/60s" }, deviations });
    for (let number = 0; number < 5; number += 1) assert.equal(await plugin.flush([event(number)]), 1);
    assert.equal(slept.length, 1);
    assert.ok(slept[0] >= 1 && slept[0] <= 60);
    const entries = await journal();
    assert.deepEqual(entries.map((entry) => entry.status), [200, 200, 200, 429, 200, 200]);
    assert.equal(entries[3].why.limit, "requests");
  });

  it("sends an event again whose answer was lost, and it is stored once", async () => {
    const { plugin, fault, journal } = await workspace({ deviations });
    await fault({ reset: "after", first: 1 });
    assert.equal(await plugin.flush([event(1)]), 1);
    const entries = await journal();
    assert.deepEqual(entries.map((entry) => [entry.status, entry.repeated]), [[0, 0], [200, 1]]);
  });
});

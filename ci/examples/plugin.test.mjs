// A plugin's tests against the mock, with the package of `packaging/node` and Node's own test runner.
//
//     TRENCHCHECK=target/release/trenchcheck node --test ci/examples

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { kinds, startMock } from "../../packaging/node/index.js";

let mock;

before(async () => {
  mock = await startMock();
});
after(() => mock.stop());

/** A workspace of its own: keys, sessions, clock and journal, so tests run side by side. */
async function workspace(settings) {
  const made = await mock.workspace(settings);
  const slept = [];
  const plugin = new Plugin(made.url, await made.key(["write:events"]), async (seconds) => {
    // Instead of waiting, the mock's clock is set forward.
    slept.push(seconds);
    await made.advance(seconds);
  });
  return { made, slept, plugin };
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
for (const [kind, deviations] of kinds) describe(`the plugin, ${kind}`, { concurrency: true }, () => {
  it("waits as long as it is told and loses nothing", async () => {
    const { made, plugin, slept } = await workspace({ limits: { ingestion: "3/60s" }, deviations });
    for (let number = 0; number < 5; number += 1) assert.equal(await plugin.flush([event(number)]), 1);
    assert.equal(slept.length, 1);
    assert.ok(slept[0] >= 1 && slept[0] <= 60);
    const entries = await made.journal();
    assert.deepEqual(entries.map((entry) => entry.outcome), ["ok", "ok", "ok", "rate-limited", "ok", "ok"]);
    assert.equal(entries[3].why.limit, "requests");
  });

  it("sends an event again whose answer was lost, and it is stored once", async () => {
    const { made, plugin } = await workspace({ deviations });
    await made.fault({ reset: "after", first: 1 });
    assert.equal(await plugin.flush([event(1)]), 1);
    const entries = await made.journal();
    assert.deepEqual(entries.map((entry) => [entry.outcome, entry.repeated]), [["fault", 0], ["ok", 1]]);
  });
});

"""A plugin's tests against the mock, with the package of `packaging/python` and the standard library.

    export TRENCHCHECK=target/release/trenchcheck PYTHONPATH=packaging/python
    python3 -m unittest discover -s ci/examples
"""

import json
import time
import unittest
import urllib.error
import urllib.request

from trenchcheck_mock import Mock


class Plugin:
    """Stands for your plugin: it posts events, and waits as long as Retry-After says."""

    def __init__(self, base_url, key, sleep=time.sleep):
        self.base_url, self.key, self.sleep = base_url, key, sleep

    def flush(self, events):
        body = json.dumps({"events": events}).encode()
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        while True:
            request = urllib.request.Request(f"{self.base_url}/api/v1/events", data=body, headers=headers)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.load(answer)["data"]["accepted"]
            except urllib.error.HTTPError as refusal:
                with refusal:
                    if refusal.code not in (429, 503):
                        raise
                    self.sleep(int(refusal.headers["Retry-After"]))


def event(number):
    return {"event": "tool_use", "session_id": "s", "ts": f"2026-01-01T00:00:{number:02}Z", "seq": number}


class PluginTest(unittest.TestCase):
    """Against a deployment that takes all that the page shows."""

    deviations = []

    @classmethod
    def setUpClass(cls):
        cls.mock = Mock()
        cls.addClassCleanup(cls.mock.stop)

    def setUp(self):
        # A workspace of its own for each test: keys, sessions, clock and journal, so tests run side by side.
        self.workspace = self.mock.workspace(limits={"ingestion": "3/60s"}, deviations=self.deviations)
        self.addCleanup(self.workspace.close)
        self.slept = []
        self.plugin = Plugin(self.workspace.url, self.workspace.key("write:events"), self.sleep)

    def sleep(self, seconds):
        # Instead of waiting, the mock's clock is set forward.
        self.slept.append(seconds)
        self.workspace.advance(seconds)

    def test_it_waits_as_long_as_it_is_told_and_loses_nothing(self):
        for number in range(5):
            self.assertEqual(self.plugin.flush([event(number)]), 1)
        self.assertEqual(len(self.slept), 1)
        self.assertTrue(1 <= self.slept[0] <= 60)
        outcomes = [entry["outcome"] for entry in self.workspace.journal()]
        self.assertEqual(outcomes, ["ok", "ok", "ok", "rate-limited", "ok", "ok"])
        refused = self.workspace.journal(status=429)[0]
        self.assertEqual(refused["why"]["limit"], "requests")
        self.assertEqual(sum(entry["accepted"] for entry in self.workspace.journal()), 5)

    def test_it_sends_the_wire_envelope_and_its_key_in_the_header_only(self):
        self.plugin.flush([event(1), event(2)])
        entry = self.workspace.journal()[0]
        self.assertEqual(entry["envelopes"], {"documented": 0, "wire": 2})
        self.assertEqual(entry["key"]["name"], "plugin")
        self.assertNotIn(self.plugin.key, json.dumps(entry))

    def test_it_survives_a_server_that_is_down_for_a_moment(self):
        self.workspace.fault(status=503, retry_after=2, first=2)
        self.assertEqual(self.plugin.flush([event(1)]), 1)
        self.assertEqual(self.slept, [2, 2])

    def test_it_loses_nothing_when_the_first_of_three_batches_is_limited(self):
        self.workspace.fault(status=429, in_flush=1, first=1)
        for number in range(3):
            self.plugin.flush([event(number)])
        self.assertEqual(sum(entry["accepted"] for entry in self.workspace.journal()), 3)
        self.assertEqual(self.slept, [60])


class StrictPluginTest(PluginTest):
    """The same against one that takes only what published clients send, and answers as such deployments do."""

    deviations = ["as-deployed"]


if __name__ == "__main__":
    unittest.main()

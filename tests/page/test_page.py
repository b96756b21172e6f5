"""The page in a real browser, against the built program: the standard library, Chromium and its driver.

    export TRENCHCHECK=target/release/trenchcheck PYTHONPATH=packaging/python
    python3 -m unittest discover -s tests/page

With SHOTS=FOLDER it leaves pictures there.
"""

import json
import os
import subprocess
import unittest
import urllib.error
import urllib.request

import trenchcheck_mock
from browser import DIRECT, ENTER, ESCAPE, SPACE, TAB, Browser, until

HOSTILE = "<script>document.title = 'taken'</script><img src=//elsewhere.example/x onerror=alert(1)>"

EVENT = {"event": "session_start", "session_id": "from-the-test", "ts": "2026-01-01T00:00:00Z", "seq": 1}


class Mock(trenchcheck_mock.Mock):
    """The program on a free port, and a plugin that sends to it."""

    def send(self, method, path, key=None, body=None, **headers):
        """Sends what a plugin would; gives the status."""
        if key:
            headers["X-API-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with DIRECT.open(request, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.mock = Mock("--limit", "standard=3/60s")
        self.addCleanup(self.mock.stop)
        self.page = self.mock.url + "/_mock/"
        self.browser.complaints()
        self.browser.requested()

    def tearDown(self):
        """Whatever a test looked at: nothing was complained about, and nothing was requested of anybody else."""
        self.assertEqual(self.browser.complaints(), [])
        urls = self.browser.requested()
        self.assertTrue(urls)
        elsewhere = [url for url in urls if not url.startswith(self.mock.url + "/_mock/")]
        self.assertEqual(elsewhere, [], "requests to somebody else, or beside the page")
        # A page that follows a mock must not outlive it.
        self.browser.open("about:blank")

    def shoot(self, name):
        folder = os.environ.get("SHOTS")
        for scheme in ("light", "dark") if folder else ():
            self.browser.set_media(scheme)
            self.browser.shoot(os.path.join(folder, f"{name}-{scheme}.png"))
        self.browser.set_media("light")

    def make_key(self, name, scope):
        """The dashboard flow, by mouse."""
        self.browser.open(self.page + "page/keys")
        self.browser.type("input[name=name]", name)
        self.browser.click(f"input[value='{scope}']")
        self.browser.click("button[value=create]")
        until(lambda: self.browser.count(".made"), "the key is shown")
        return self.browser.text("#plaintext")

    def test_a_key_is_made_used_used_up_and_revoked_and_all_of_it_is_seen(self):
        browser, mock = self.browser, self.mock
        key = self.make_key("laptop", "read:analytics")
        self.assertRegex(key, r"^ct_live_[A-Za-z0-9]{32}$")
        self.shoot("new-key")
        # Loading it again makes no other key and shows this one no more.
        browser.ask("POST", "/refresh")
        self.assertEqual(browser.count(".made"), 0)
        self.assertNotIn(key[8:], browser.ask("GET", "/source"))
        self.assertEqual(browser.text("tbody tr:first-child .name"), "laptop")
        self.assertIn("14 keys", browser.text("caption"))

        browser.open(self.page)
        until(lambda: browser.text("#live") == "live", "the page follows the journal")
        self.assertIn("No requests", browser.text(".empty"))
        # From here on nothing is loaded again: what comes, comes by itself.
        browser.run("window.same = true")
        self.assertEqual(mock.send("GET", "/api/v1/sessions?limit=7", key), 200)
        until(lambda: browser.count("#requests tr") == 1, "the request appears")
        self.assertEqual(browser.text(".empty"), "")
        row = browser.text("#requests tr")
        for words in ("GET /api/v1/sessions?limit=7", "laptop", "200 ok", " ms"):
            self.assertIn(words, row)
        until(lambda: "1 of 3 requests" in browser.text(".windows"), "its window is shown")

        self.assertEqual([mock.send("GET", "/api/v1/sessions", key) for _ in range(3)], [200, 200, 429])
        until(lambda: browser.count("#requests tr.rate-limited") == 1, "the 429 appears")
        self.assertRegex(
            browser.text("#requests tr:first-child .why"), r"^requests used up; frees in \d+ s, at \d\d:\d\d:\d\d\.\d{3}$"
        )
        until(lambda: browser.count(".windows progress.full"), "the window is full")
        before = seconds(browser.text(".windows .countdown"))
        self.assertTrue(30 < before <= 60)
        until(lambda: seconds(browser.text(".windows .countdown")) < before, "it counts down")
        self.shoot("used-up")
        self.assertTrue(browser.run("return window.same"))

        browser.open(self.page + "page/limits")
        until(lambda: browser.count("td progress.full"), "the bar is full")
        before = seconds(browser.text("td .countdown"))
        until(lambda: seconds(browser.text("td .countdown")) < before, "it counts down there, too")
        self.shoot("limits")
        browser.click("button[value=advance]")
        until(lambda: "The clock is set" in browser.text(".said"), "the clock is set")
        self.assertEqual(browser.count(".countdown"), 0)
        self.assertEqual(mock.send("GET", "/api/v1/sessions", key), 200)

        browser.open(self.page + "page/keys")
        browser.click("button[aria-label='Revoke laptop']")
        until(lambda: "from now on it gets 401" in browser.text(".said"), "it is said that the key is revoked")
        self.assertIn("revoked", browser.text("tbody tr:first-child"))
        self.assertEqual(mock.send("GET", "/api/v1/sessions", key), 401)
        browser.open(self.page)
        self.assertIn("The key has been revoked.", browser.text("#requests tr:first-child"))
        self.assertIn("401 unauthorized", browser.text("#requests tr:first-child"))

    def test_a_batch_is_opened_and_no_key_is_in_it(self):
        browser, mock = self.browser, self.mock
        key = self.make_key("plugin", "write:events")
        browser.open(self.page)
        until(lambda: browser.text("#live") == "live", "the page follows the journal")
        self.assertEqual(mock.send("POST", "/api/v1/events", key, {"events": [EVENT], "mine": key}), 200)
        until(lambda: browser.count("#requests tr") == 1, "the request appears")
        self.assertIn("1 accepted", browser.text("#requests tr"))
        self.assertIn("wire", browser.text("#requests tr"))
        browser.click("a.open")
        until(lambda: browser.count("dialog[open] article"), "the request is opened")
        opened = browser.text("dialog")
        for words in ("x-api-key", "ct_live_… (40 bytes)", '"session_id": "from-the-test"', '"accepted": 1'):
            self.assertIn(words, opened)
        self.assertNotIn(key[8:], browser.ask("GET", "/source"))
        self.shoot("opened")
        browser.press(ESCAPE)
        until(lambda: not browser.count("dialog[open]"), "it is closed")
        browser.open(self.page + "page/requests/0")
        self.assertIn("ct_live_… (40 bytes)", browser.text("article"))
        browser.open(self.page + "page/sessions")
        self.assertIn("from-the-test", browser.text("tbody"))
        self.assertEqual(mock.send("POST", "/api/v1/events", key, {"events": [{**EVENT, "session_id": "another"}]}), 200)
        until(lambda: browser.count("tbody tr") == 2, "the next session appears by itself")
        self.shoot("sessions")

    def test_what_a_client_sends_runs_nowhere(self):
        browser, mock = self.browser, self.mock
        key = self.make_key(HOSTILE, "write:events")
        browser.open(self.page)
        until(lambda: browser.text("#live") == "live", "the page follows the journal")
        body = {"events": [{"event": HOSTILE, "session_id": HOSTILE, "ts": HOSTILE}]}
        self.assertEqual(mock.send("POST", "/api/v1/events?%3Cscript%3E", key, body, **{"User-Agent": HOSTILE}), 400)
        self.assertEqual(mock.send("POST", "/api/v1/events", key, {"events": [{**EVENT, "session_id": HOSTILE}]}), 200)
        # A path cannot hold angle brackets, but it can hold quotes.
        self.assertEqual(mock.send("GET", "/'onfocus='alert(1)'%3Cscript%3E", key), 404)
        until(lambda: browser.count("#requests tr") == 3, "the requests appear")
        self.assertIn(HOSTILE, browser.text("#requests tr:last-child .name"))
        browser.click("#requests tr:last-child a.open")
        until(lambda: browser.count("dialog[open] article"), "the request is opened")
        self.assertGreaterEqual(browser.text("dialog").count(HOSTILE), 2)
        for place in ("", "page/requests/0", "page/requests/2", "page/keys", "page/limits", "page/sessions", "page/faults"):
            browser.open(self.page + place)
            self.assertIn("<script>", browser.run("return document.body.textContent"), place)
            self.assertEqual(browser.count("main script, main img, dialog script"), 0)
            self.assertNotEqual(browser.run("return document.title"), "taken")

    def test_everything_can_be_done_with_the_keyboard(self):
        browser, mock = self.browser, self.mock
        browser.open(self.page)
        browser.press(TAB)
        self.assertEqual(browser.focus(), {"tag": "a", "name": "Skip to the content", "seen": True})
        browser.tab_to("Keys")
        browser.press(ENTER)
        until(lambda: browser.text("h1") == "API Keys", "the keys are shown")
        browser.run("document.querySelector('main').focus()")
        browser.press(TAB)
        self.assertEqual(browser.focus()["name"], "Name")
        browser.press(*"desk", TAB)
        self.assertEqual(browser.focus()["name"], "write:events")
        browser.press(TAB)
        self.assertEqual(browser.focus()["name"], "read:analytics")
        browser.press(SPACE, TAB)
        self.assertTrue(browser.focus()["name"].startswith("Plan"))
        browser.press("p")
        browser.tab_to("Create key")
        browser.press(ENTER)
        until(lambda: browser.count(".made"), "the key is shown")
        self.assertIn("premium", browser.text(".made"))
        key = browser.text("#plaintext")

        # What is looked at again and again leaves the focus where it is.
        browser.tab_to("Revoke desk")
        self.assertEqual(mock.send("GET", "/api/v1/sessions", key), 200)
        until(lambda: "never" not in browser.text("tbody tr:first-child"), "its last use appears")
        self.assertEqual(browser.focus()["name"], "Revoke desk")
        browser.press(ENTER)
        until(lambda: "revoked" in browser.text(".said"), "the key is revoked")

        browser.open(self.page)
        browser.tab_to("GET /api/v1/sessions")
        browser.press(ENTER)
        until(lambda: browser.count("dialog[open] article"), "the request is opened")
        self.assertEqual(browser.focus()["name"], "Close")
        browser.press(ENTER)
        until(lambda: not browser.count("dialog[open]"), "it is closed")
        self.assertEqual(browser.focus()["name"], "GET /api/v1/sessions", "the focus is where it was")

        browser.open(self.page + "page/faults")
        browser.tab_to("Find", most=40)
        for letter in "bearer":
            browser.press(letter)
        until(lambda: browser.run("return [...document.querySelectorAll('.deviations li')].filter(i => i.offsetHeight).length") < 9, "few are left")
        at = browser.tab_to("accept-bearer", most=20)
        self.assertEqual(at["tag"], "input")
        browser.press(SPACE, ENTER)
        until(lambda: "1 deviation" in browser.text(".notice"), "the deviation is on")
        bearer = {"Authorization": f"Bearer {mock.keys['TRENCHCHECK_KEY_READ']}"}
        self.assertEqual(mock.send("GET", "/api/v1/sessions", **bearer), 200)

    def test_a_fault_is_switched_on_met_and_runs_out(self):
        browser, mock = self.browser, self.mock
        browser.open(self.page + "page/faults")
        self.shoot("faults")
        browser.click("input[value=status]")
        browser.type("input[name=retry_after]", "2")
        browser.type("input[name=seconds]", "60")
        browser.click("button[value=add]")
        until(lambda: "answers 503, Retry-After 2 s" in browser.text("tbody"), "the fault is shown")
        before = seconds(browser.text("tbody .countdown"))
        until(lambda: seconds(browser.text("tbody .countdown")) < before, "it counts down")
        self.assertEqual(mock.send("GET", "/api/v1/sessions", mock.keys["TRENCHCHECK_KEY_READ"]), 503)
        until(lambda: "1 of 1" in browser.text("tbody"), "it is counted by itself")
        self.shoot("fault-on")
        mock.send("POST", "/_mock/workspaces/default/clock/advance", None, {"ms": 60_000})
        until(lambda: "No fault is switched on" in browser.text(".card"), "it is over")
        self.assertEqual(mock.send("GET", "/api/v1/sessions", mock.keys["TRENCHCHECK_KEY_READ"]), 200)

    def some_of_everything(self):
        """Requests of all kinds by keys with long names, a session, a fault, a deviation; gives the pages to look at."""
        mock = self.mock
        key = self.make_key("the editor on the laptop of the office", "write:events")
        reader = mock.keys["TRENCHCHECK_KEY_STANDARD"]
        for second in range(4):
            mock.send("POST", "/api/v1/events", key, {"events": [{**EVENT, "ts": f"2026-01-01T00:00:0{second}Z"}] * 2})
            mock.send("GET", f"/api/v1/sessions?limit={second + 7}&start_date=2026-01-01T00:00:00Z", reader)
        mock.send("POST", "/api/v1/events", key, {"events": [{"event": "unheard-of", "ts": "then"}]})
        mock.send("GET", "/api/v1/analytics/overview", key)
        mock.send("GET", "/api/v1/sessions", Authorization=f"Bearer {reader}")
        mock.send("POST", "/_mock/workspaces/default/faults", None, {"status": 503, "retry_after": 2, "in_flush": 2, "for_ms": 600_000})
        mock.send("GET", "/api/v1/sessions", mock.keys["TRENCHCHECK_KEY_PREMIUM"])
        mock.send("GET", "/api/v1/sessions", mock.keys["TRENCHCHECK_KEY_PREMIUM"])
        return ("", "page/keys", "page/limits", "page/sessions", "page/faults", "page/requests/0", "?outcome=abandoned")

    def test_every_tab_fits_every_screen_in_light_and_dark_and_axe_finds_nothing(self):
        browser = self.browser
        shots = os.environ.get("SHOTS")
        self.addCleanup(browser.resize, 1280, 900)
        for place in self.some_of_everything():
            for width, height in ((1280, 900), (768, 1024), (390, 844)):
                browser.resize(width, height)
                browser.open(self.page + place)
                self.assertEqual(browser.overflow(), [], f"{place} at {width}")
                for scheme in ("light", "dark"):
                    browser.set_media(scheme)
                    self.assertEqual(browser.inaccessible(), [], f"{place} at {width}, {scheme}")
                    if shots:
                        name = place.replace("page/", "").replace("/", "-").replace("?", "") or "requests"
                        browser.shoot(os.path.join(shots, f"{name}-{width}-{scheme}.png"))
        browser.set_media("light")

    def test_on_a_phone_outcome_and_why_are_seen_and_names_stay_whole(self):
        browser = self.browser
        self.addCleanup(browser.resize, 1280, 900)
        browser.resize(390, 844)
        self.some_of_everything()
        browser.open(self.page + "?outcome=unauthorized")
        seen = browser.run(
            """return [...document.querySelectorAll("#requests tr:first-child :is(.became, .why)")].map((at) => {
                 const { left, right } = at.getBoundingClientRect();
                 return left >= 0 && right <= innerWidth && at.innerText;
               });"""
        )
        self.assertEqual(seen, ["401 unauthorized", "A bearer token is not a way in; send the key as X-API-Key."])
        browser.open(self.page + "?outcome=fault")
        browser.click("a.open")
        until(lambda: browser.count("dialog[open] article"), "the request is opened")
        self.assertEqual(browser.overflow(), [], "a request that is opened")
        for width in (390, 768, 1280):
            browser.resize(width, 900)
            for place in ("page/keys", "page/limits"):
                browser.open(self.page + place)
                narrowest = browser.run("return Math.min(...[...document.querySelectorAll('td.name')].map((at) => at.clientWidth))")
                self.assertGreater(narrowest, 200, f"{place} at {width}")

    def test_what_is_copied_is_what_is_shown_and_a_request_is_sent_again_with_another_key(self):
        browser, mock = self.browser, self.mock
        key = self.make_key("copied", "read:analytics")
        for permission in ("clipboard-read", "clipboard-write"):
            browser.allow(permission)
        browser.click("[data-copies=plaintext]")
        copied = "const done = arguments[0]; navigator.clipboard.readText().then(done, (problem) => done(String(problem)))"
        until(lambda: browser.text("[data-copies=plaintext]") == "Copied", "it says that it is copied")
        self.assertEqual(browser.ask("POST", "/execute/async", {"script": copied, "args": []}), key)

        self.assertEqual(mock.send("POST", "/api/v1/events", key, {"events": [EVENT]}), 403)
        browser.open(self.page)
        browser.click("a.open")
        until(lambda: browser.count("dialog[open] article"), "the request is opened")
        self.assertEqual(browser.inaccessible(), [])
        browser.click("dialog [data-copies=curl]")
        until(lambda: browser.text("dialog [data-copies=curl]") == "Copied", "it says that it is copied")
        command = browser.ask("POST", "/execute/async", {"script": copied, "args": []})
        self.assertTrue(command.startswith("curl -X POST -H \"X-API-Key: $TRENCHCHECK_KEY\""), command)
        # What is copied does what was done, in a shell and with a key that may.
        variables = {**os.environ, "TRENCHCHECK_KEY": mock.keys["TRENCHCHECK_KEY_WRITE"], "no_proxy": "*"}
        ran = subprocess.run(["sh", "-c", command], env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30, check=True)
        self.assertEqual(json.loads(ran.stdout), {"data": {"accepted": 1, "rejected": 0}})

        browser.run(
            """const choice = document.querySelector("dialog select");
               choice.value = [...choice.options].find((option) => option.text === arguments[0]).value;""",
            "TRENCHCHECK_KEY_INGESTION",
        )
        browser.click("dialog button[value=again]")
        until(lambda: "It was sent again" in browser.text(".said"), "it is said that it was sent again")
        self.assertIn("1 accepted, 1 of them repeated", browser.text("#requests tr:first-child"))
        self.assertIn("TRENCHCHECK_KEY_INGESTION", browser.text("#requests tr:first-child"))

    def test_what_is_filtered_stays_so_when_the_page_is_loaded_again(self):
        browser, mock = self.browser, self.mock
        reader = mock.keys["TRENCHCHECK_KEY_READ"]
        for _ in range(4):
            mock.send("GET", "/api/v1/sessions", reader)
        browser.open(self.page)
        self.assertEqual(browser.count("#requests tr"), 4)
        browser.run("document.querySelector('select[name=outcome]').value = 'rate-limited'")
        browser.type("input[name=path]", "/api/*")
        browser.type("input[name=key]", "TRENCHCHECK_KEY_READ")
        browser.click("form.filter button")
        until(lambda: browser.count("#requests tr") == 1, "only the 429 is left")
        self.assertIn("outcome=rate-limited", browser.address())
        self.assertIn("1 request from", browser.run("return document.querySelector('.timeline svg').getAttribute('aria-label')"))
        browser.ask("POST", "/refresh")
        self.assertEqual(browser.count("#requests tr"), 1)
        self.assertEqual(browser.run("return document.querySelector('select[name=outcome]').value"), "rate-limited")
        # What comes later is held against it as well.
        until(lambda: browser.text("#live") == "live", "the page follows the journal")
        mock.send("GET", "/api/v1/sessions", mock.keys["TRENCHCHECK_KEY_BOTH"])
        mock.send("GET", "/api/v1/sessions", reader)
        until(lambda: browser.count("#requests tr") == 2, "the next 429 appears")
        until(lambda: "2 requests from" in browser.run("return document.querySelector('.timeline svg').getAttribute('aria-label')"), "it is in the picture")

    def test_a_page_that_is_left_open_does_not_grow(self):
        browser, mock = self.browser, self.mock
        browser.open(self.page)
        until(lambda: browser.text("#live") == "live", "the page follows the journal")
        for number in range(450):
            mock.send("GET", f"/{number}.")
            if number % 50 == 49:
                # Who comes too late for some of them is shown the newest.
                until(lambda: f"/{number}." in browser.text("#requests tr:first-child"), "the last request appears")
        self.assertEqual(browser.count("#requests tr"), 200)
        self.assertLessEqual(len([url for url in browser.requested() if "/stream" in url]), 1)
        browser.click("#pause")
        mock.send("GET", "/while-paused")
        self.assertEqual(browser.text("#live"), "paused")
        browser.click("#pause")
        until(lambda: "/while-paused" in browser.text("#requests tr:first-child"), "what came meanwhile is there")
        # Requested again, so that the end of this test has something to look at.
        browser.open(self.page + "?status=429")
        self.assertEqual(browser.count("#requests tr"), 0)

    def test_it_works_without_a_script(self):
        browser, mock = self.browser, self.mock
        browser.ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setScriptExecutionDisabled", "params": {"value": True}})
        try:
            browser.open(self.page + "page/keys")
            browser.type("input[name=name]", "quiet")
            browser.click("input[value='read:analytics']")
            browser.click("button[value=create]")
            key = until(lambda: element_text(browser, "#plaintext"), "the key is shown")
            self.assertEqual(mock.send("GET", "/api/v1/sessions", key), 200)
            browser.open(self.page)
            browser.click("a.open")
            until(lambda: "ct_live_… (40 bytes)" in element_text(browser, "article"), "the request is a page of its own")
        finally:
            browser.ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setScriptExecutionDisabled", "params": {"value": False}})


def seconds(text):
    return int(text.removesuffix(" s"))


def element_text(browser, selector):
    """The text of an element, where no script can be asked for it."""
    return browser.ask("GET", f"/element/{browser.element(selector)}/text")


if __name__ == "__main__":
    unittest.main()

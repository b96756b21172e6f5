"""Chromium, driven by chromedriver over HTTP: the standard library, and nothing else."""

import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
]

# The name under which the protocol hands out elements.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

TAB, ENTER, ESCAPE, SPACE = "\ue004", "\ue007", "\ue00c", " "

# Where `ci/test` installs it, beside the linters.
LINTERS = pathlib.Path(os.environ.get("LINTERS", pathlib.Path(__file__).parents[2] / "target/linters"))
AXE = LINTERS / "node_modules/axe-core/axe.min.js"

# Nobody stands between this machine and itself.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# Longer than any machine takes; whoever waits is done as soon as it is so.
PATIENCE = 30


def program(variable, *names):
    """A program of the machine, or the one the variable names."""
    found = os.environ.get(variable) or next(filter(None, map(shutil.which, names)), None)
    if not found:
        raise FileNotFoundError(f"none of {', '.join(names)} is installed; ci/test installs them on Debian")
    return found


def until(condition, what):
    """Waits until something is so, and says what never was."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            value = condition()
        except Refused:
            # The page that is asked is on its way out, or the next one not there yet.
            value = None
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"it never happened that {what}")
        time.sleep(0.02)


class Refused(Exception):
    """What the driver says when it cannot do something."""


class Browser:
    """A browser with a profile of its own, which is gone when it is closed."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="trenchcheck-page-")
        chromium = program("CHROMIUM", "chromium", "chromium-browser", "google-chrome")
        self.driver = subprocess.Popen(
            [program("CHROMEDRIVER", "chromedriver"), "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.session = None
        try:
            # "ChromeDriver was started successfully on port 34567."
            for line in self.driver.stdout:
                if "successfully on port" in line:
                    self.url = f"http://127.0.0.1:{line.strip().rstrip('.').split()[-1]}"
                    break
            else:
                raise Refused("the driver does not start")
            options = {
                "binary": chromium,
                "args": [*FLAGS, f"--user-data-dir={self.profile}", "about:blank"],
                "perfLoggingPrefs": {"enableNetwork": True, "enablePage": False},
            }
            capabilities = {
                "browserName": "chrome",
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            }
            made = self.send("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
            self.session = f"/session/{made['sessionId']}"
        except BaseException:
            self.close()
            raise

    def close(self):
        try:
            if self.session:
                self.send("DELETE", self.session)
        finally:
            # The driver leads its own group, which its browser belongs to.
            os.killpg(self.driver.pid, signal.SIGKILL)
            self.driver.wait()
            self.driver.stdout.close()
            shutil.rmtree(self.profile, ignore_errors=True)

    def send(self, method, path, body=None):
        data = json.dumps(body or {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.url + path, data=data, method=method)
        try:
            with DIRECT.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise Refused(json.load(refusal)["value"]["message"]) from None

    def ask(self, method, path, body=None):
        return self.send(method, self.session + path, body)

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def address(self):
        return self.ask("GET", "/url")

    def run(self, script, *arguments):
        """Runs the body of a function in the page."""
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector):
        """The text of an element as it is seen; nothing where none is seen."""
        return self.run(
            """const found = document.querySelector(arguments[0]);
               return found?.checkVisibility() ? found.innerText : "";""",
            selector,
        )

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def element(self, selector):
        return self.ask("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.ask("POST", f"/element/{self.element(selector)}/click")

    def type(self, selector, text):
        self.ask("POST", f"/element/{self.element(selector)}/clear")
        self.ask("POST", f"/element/{self.element(selector)}/value", {"text": text})

    def press(self, *keys):
        """Presses keys one after the other, wherever the focus is."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def focus(self):
        """What has the focus: its label or its text, and whether one sees that it has."""
        return self.run(
            """const at = document.activeElement;
               const seen = at.matches(":focus-visible") && getComputedStyle(at).outlineStyle !== "none";
               const label = at.labels?.[0]?.innerText.split("\\n")[0].trim();
               return {tag: at.localName, name: at.ariaLabel || label || at.innerText, seen};"""
        )

    def tab_to(self, name, most=200):
        """Presses Tab until something of this name has the focus; it has to be seen that it has."""
        for _ in range(most):
            self.press(TAB)
            at = self.focus()
            if at["name"] == name:
                assert at["seen"], f"nobody sees that {name} has the focus"
                return at
        raise AssertionError(f"{name} cannot be reached with the keyboard")

    def inaccessible(self):
        """What axe finds wrong with the page for who uses a keyboard or a screen reader: rules, and where."""
        if not self.run("return window.axe !== undefined"):
            self.run(AXE.read_text())
        script = """const done = arguments[0];
            axe.run(document, {resultTypes: ["violations"]}).then(
              (found) => done(found.violations.flatMap(
                ({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`))),
              (problem) => done([String(problem)]));"""
        return self.ask("POST", "/execute/async", {"script": script, "args": []})

    def overflow(self):
        """How far the page, or a part of it, can be pushed sideways: the widest of them first."""
        return self.run(
            """return [document.documentElement, ...document.querySelectorAll("main, main *")]
                 .filter((at) => at.scrollWidth > at.clientWidth + 1 && at.clientWidth > 0)
                 .filter((at) => at.localName === "html" || ["auto", "scroll"].includes(getComputedStyle(at).overflowX))
                 .map((at) => `${at.localName}.${at.className} by ${at.scrollWidth - at.clientWidth}`);"""
        )

    def set_media(self, scheme):
        parameters = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": parameters})

    def resize(self, width, height):
        """A screen of this size: a window cannot be so narrow as a phone."""
        parameters = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": parameters})

    def allow(self, permission):
        """Allows the page that is open what a browser asks people about."""
        self.ask("POST", "/permissions", {"descriptor": {"name": permission}, "state": "granted"})

    def shoot(self, path):
        """Takes a picture of what is seen."""
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.ask("GET", "/screenshot")))

    def complaints(self):
        """What the console has said since it was asked last: errors, warnings, violations of the policy."""
        said = self.ask("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in said if entry["level"] in ("SEVERE", "WARNING")]

    def requested(self):
        """Every URL that pages requested since this was asked last; the browser has pages of its own, which do not count."""
        entries = self.ask("POST", "/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
            and not message["params"]["documentURL"].startswith(("chrome:", "about:"))
        ]

"""The HTML report in a real browser: as test_page.py.

With SHOTS=FOLDER it leaves pictures there.
"""

import os
import pathlib
import subprocess
import tempfile
import unittest

from browser import Browser
from test_page import Mock

SIZES = ((390, 844), (768, 1024), (1280, 900))


class ReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.report = cls.folder / "report.html"
        mock = Mock("--deviate", "lax-startup")
        cls.addClassCleanup(mock.stop)
        program = os.environ.get("TRENCHCHECK", "trenchcheck")
        command = [program, "test", "--quiet", "--keys", "mock", "--target", mock.url, "--html", str(cls.report)]
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, timeout=300, check=False)
        assert ended.returncode == 1, ended
        cls.key = next(iter(mock.keys.values()))

    def setUp(self):
        self.browser.complaints()
        self.browser.requested()
        self.browser.resize(1280, 900)
        self.browser.open(self.report.as_uri())

    def tearDown(self):
        self.assertEqual(self.browser.complaints(), [])
        foreign = [url for url in self.browser.requested() if not url.startswith("file:")]
        self.assertEqual(foreign, [], "a report needs nothing but itself")

    def test_the_verdict_the_causes_and_every_check_are_there(self):
        self.assertIn("does not conform", self.browser.text(".verdict"))
        self.assertGreater(self.browser.count("details[open]"), 4, "causes are seen at once")
        self.assertEqual(self.browser.count("main > details[id]"), 108)
        self.assertNotIn(self.key, self.report.read_text())

    def test_a_check_is_folded_until_it_is_asked_for(self):
        exchange = "details[id='auth.body'] pre.exchange"
        self.assertEqual(self.browser.text(exchange), "")
        self.browser.run("document.getElementById('auth.body').scrollIntoView()")
        self.browser.click("details[id='auth.body'] > summary")
        self.assertIn("< status 401", self.browser.text(exchange))
        self.assertEqual(self.browser.count("details[id='auth.body'] .diff .insert"), 4 * 2)

    def test_it_fits_every_screen_in_light_and_dark(self):
        shots = os.environ.get("SHOTS")
        for width, height in SIZES:
            self.browser.resize(width, height)
            for scheme in ("light", "dark"):
                self.browser.set_media(scheme)
                wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
                self.assertLessEqual(self.browser.run(wide), 0, f"it scrolls sideways at {width}")
                ink, paper = self.browser.run(
                    """const style = getComputedStyle(document.body);
                       return [style.color, style.backgroundColor];"""
                )
                self.assertNotEqual(ink, paper)
                if shots:
                    self.browser.shoot(os.path.join(shots, f"report-{width}-{scheme}.png"))


if __name__ == "__main__":
    unittest.main()

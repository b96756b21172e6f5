"""The load report in a real browser: as test_page.py.

With SHOTS=FOLDER it leaves pictures there.
"""

import os
import pathlib
import subprocess
import tempfile
import unittest

from browser import Browser

SIZES = ((390, 844), (768, 1024), (1280, 900))


class LoadReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.report = cls.folder / "load.html"
        program = os.environ.get("TRENCHCHECK", "trenchcheck")
        # Three times the limit of two Standard keys, so that there are 429s as well.
        command = [program, "load", "ceiling-standard", "--key-count", "2", "--rate", "1200", "--duration", "8s", "--quiet"]
        ended = subprocess.run([*command, "--html", str(cls.report)], stdout=subprocess.DEVNULL, timeout=300, check=False)
        # 7: this machine was too busy to judge anything by.
        assert ended.returncode in (0, 7), ended

    def setUp(self):
        self.browser.complaints()
        self.browser.requested()
        self.browser.resize(1280, 900)
        self.browser.open(self.report.as_uri())

    def tearDown(self):
        self.assertEqual(self.browser.complaints(), [])
        foreign = [url for url in self.browser.requested() if not url.startswith("file:")]
        self.assertEqual(foreign, [], "a report needs nothing but itself")

    def test_the_verdict_the_pictures_and_their_numbers_are_there(self):
        self.assertIn("exit code", self.browser.text(".verdict"))
        self.assertEqual(self.browser.count("figure svg[role=img][aria-label]"), 5)
        self.assertGreater(self.browser.count("figure svg polyline"), 8)
        self.assertGreater(self.browser.count("table caption"), 3)
        self.assertIn("standard-2", self.browser.text("main"))

    def test_it_fits_every_screen_in_light_and_dark(self):
        shots = os.environ.get("SHOTS")
        for width, height in SIZES:
            self.browser.resize(width, height)
            for scheme in ("light", "dark"):
                self.browser.set_media(scheme)
                wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
                self.assertLessEqual(self.browser.run(wide), 0, f"it scrolls sideways at {width}")
                self.assertEqual(self.browser.inaccessible(), [], f"at {width}, {scheme}")
                if shots:
                    self.browser.shoot(os.path.join(shots, f"load-{width}-{scheme}.png"))


if __name__ == "__main__":
    unittest.main()

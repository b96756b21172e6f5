"""A page in one file, in a real browser: what the tests of reports share.

With SHOTS=FOLDER they leave pictures there.
"""

import os
import pathlib
import subprocess
import tempfile
import unittest

from browser import Browser

SIZES = ((390, 844), (768, 1024), (1280, 900))


class FilePageTest(unittest.TestCase):
    """Opens the page anew for each test; it needs nothing but itself."""

    @classmethod
    def make(cls, exits, *arguments):
        """Runs the program with these arguments for its page; it may end with one of these codes."""
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)
        cls.report = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory())) / "report.html"
        program = os.environ.get("TRENCHCHECK", "trenchcheck")
        command = [program, *arguments, "--html", str(cls.report)]
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, timeout=300, check=False)
        assert ended.returncode in exits, ended

    def setUp(self):
        self.browser.complaints()
        self.browser.requested()
        self.browser.resize(1280, 900)
        self.browser.open(self.report.as_uri())

    def tearDown(self):
        self.assertEqual(self.browser.complaints(), [])
        foreign = [url for url in self.browser.requested() if not url.startswith("file:")]
        self.assertEqual(foreign, [], "a report needs nothing but itself")

    def screens(self, name):
        """Shows the page at every size in light and dark, where it never scrolls sideways."""
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
                yield f"at {width}, {scheme}"
                if shots:
                    self.browser.shoot(os.path.join(shots, f"{name}-{width}-{scheme}.png"))

"""The load report in a real browser: as test_page.py."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from file_page import FilePageTest


class LoadReportTest(FilePageTest):
    @classmethod
    def setUpClass(cls):
        # Far beyond the limits of two Standard keys, so that there are 429s as well. 7: this machine was too busy to judge
        # anything by.
        cls.make((0, 7), "load", "ceiling-standard", "--key-count", "2", "--rate", "1200", "--duration", "8s", "--quiet")

    def test_the_verdict_the_pictures_and_their_numbers_are_there(self):
        self.assertIn("exit code", self.browser.text(".verdict"))
        self.assertEqual(self.browser.count("figure svg[role=img][aria-label]"), 5)
        self.assertGreater(self.browser.count("figure svg polyline"), 8)
        self.assertGreater(self.browser.count("table caption"), 3)
        self.assertIn("standard-2", self.browser.text("main"))

    def test_it_fits_every_screen_in_light_and_dark(self):
        for screen in self.screens("load"):
            self.assertEqual(self.browser.inaccessible(), [], screen)


class ComparisonTest(FilePageTest):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        reports = [folder / "monday.json", folder / "tuesday.json"]
        for report in reports:
            command = [os.environ.get("TRENCHCHECK", "trenchcheck"), "load", "--duration", "1s", "--quiet", "--json", report]
            subprocess.run(command, stdout=subprocess.DEVNULL, timeout=300, check=False)
        cls.make((0, 4, 6), "compare", *map(str, reports))

    def test_each_lane_has_a_picture_and_its_numbers(self):
        self.assertIn("exit code", self.browser.text(".verdict"))
        self.assertEqual(self.browser.count("figure svg[role=img][aria-label]"), 1)
        self.assertEqual(self.browser.count("tbody tr"), 9)

    def test_it_fits_every_screen_in_light_and_dark(self):
        for screen in self.screens("compared"):
            self.assertEqual(self.browser.inaccessible(), [], screen)


if __name__ == "__main__":
    unittest.main()

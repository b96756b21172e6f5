"""The HTML report in a real browser: as test_page.py."""

import unittest

from file_page import FilePageTest
from test_page import Mock


class ReportTest(FilePageTest):
    @classmethod
    def setUpClass(cls):
        mock = Mock("--deviate", "lax-startup")
        cls.addClassCleanup(mock.stop)
        cls.make((1,), "test", "--keys", "mock", "--target", mock.url)
        cls.key = next(iter(mock.keys.values()))

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
        self.assertEqual(len(list(self.screens("report"))), 6)


if __name__ == "__main__":
    unittest.main()

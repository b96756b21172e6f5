"""The packages for Python and Node: installed as users install them, their types checked, their READMEs run."""

import json
import os
import re
import subprocess
import sys
import tomllib
import unittest

from support import LINTERS, PACKAGING, PROGRAM, Room, version

PLUGIN = {
    "python": """
import json, urllib.error, urllib.request

class MyPlugin:
    def __init__(self, url, key, sleep):
        self.url, self.key, self.sleep = url, key, sleep

    def flush(self):
        event = {"event": "error", "session_id": "s", "ts": "2026-01-01T00:00:00Z", "seq": 0}
        body, headers = json.dumps({"events": [event]}).encode(), {"X-API-Key": self.key}
        while True:
            try:
                return urllib.request.urlopen(urllib.request.Request(f"{self.url}/api/v1/events", body, headers)).close()
            except urllib.error.HTTPError as refusal:
                with refusal:
                    self.sleep(int(refusal.headers["Retry-After"]))
""",
    "js": """
class MyPlugin {
  constructor(url, key, sleep) { Object.assign(this, { url, key, sleep }); }
  async flush() {
    const event = { event: "error", session_id: "s", ts: "2026-01-01T00:00:00Z", seq: 0 };
    for (;;) {
      const answer = await fetch(`${this.url}/api/v1/events`, {
        method: "POST", headers: { "X-API-Key": this.key }, body: JSON.stringify({ events: [event] }),
      });
      await answer.text();
      if (answer.ok) return;
      await this.sleep(Number(answer.headers.get("Retry-After")));
    }
  }
}
""",
}


def shown(package, language):
    """The first block of a package's README."""
    return re.search(rf"```{language}\n(.*?)```", (PACKAGING / package / "README.md").read_text(), re.S)[1]


class ClientTest(Room):
    def test_they_are_of_the_programs_version(self):
        project = tomllib.loads((PACKAGING / "python/pyproject.toml").read_text())["project"]
        package = json.loads((PACKAGING / "node/package.json").read_text())
        self.assertEqual({project["version"], package["version"]}, {version()})

    def test_a_test_with_pytest_is_run_against_both_kinds(self):
        # Not in the tree, where building leaves things behind.
        self.run_script("cp", "-r", PACKAGING / "python", self.room / "source")
        pip = [sys.executable, "-m", "pip", "install", "-q", "--root-user-action=ignore", "--no-deps"]
        self.run_script(*pip, "--target", self.room / "installed", self.room / "source")
        (self.room / "test_mine.py").write_text(PLUGIN["python"] + shown("python", "python"))
        path = os.pathsep.join(map(str, (self.room / "installed", LINTERS)))
        said = self.run_script(
            sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "test_mine.py", PYTHONPATH=path, no_proxy="*"
        )
        for kind in ("reference", "as-deployed"):
            self.assertRegex(said, rf"told\[{kind}\] PASSED")
        self.assertIn("2 passed", said)

    def test_its_types_are_sound_and_known_to_who_uses_them(self):
        (self.room / "mine.py").write_text(
            "from trenchcheck_mock import Mock\n\n"
            "with Mock() as mock, mock.workspace() as workspace:\n"
            "    key: str = workspace.key('write:events')\n"
            "    count: int = workspace.advance(3)  # a slip\n"
        )
        mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", self.room / "cache"]
        path = {"PYTHONPATH": str(LINTERS), "MYPYPATH": str(PACKAGING / "python")}
        said = self.run_script(*mypy, PACKAGING / "python/trenchcheck_mock", **path)
        self.assertIn("no issues found in 2 source files", said)
        said = self.run_script(*mypy, "mine.py", code=1, **path)
        self.assertEqual(set(re.findall(r"mine\.py:(\d+): error", said)), {"5"}, said)

    def test_a_program_that_does_not_start_is_told(self):
        script = "import trenchcheck_mock; trenchcheck_mock.Mock('--limit', 'nonsense')"
        said = self.run_script(sys.executable, "-c", script, code=1, PYTHONPATH=PACKAGING / "python")
        self.assertRegex(said, r"Refused: trenchcheck mock .* ended with exit code 2")
        node = PACKAGING / "node/index.js"
        script = f"import({json.dumps(str(node))}).then((m) => m.startMock({{ arguments: ['--limit', 'nonsense'] }}))"
        said = self.run_script("node", "-e", script, code=1)
        self.assertRegex(said, r"Error: trenchcheck mock .* ended with exit code 2")

    def test_a_test_with_node_is_run_against_both_kinds(self):
        packed = self.run_script("npm", "pack", "--silent", PACKAGING / "node").split()[-1]
        self.run_script("npm", "install", "--silent", "--no-audit", "--no-fund", f"./{packed}")
        (self.room / "mine.test.mjs").write_text(PLUGIN["js"] + shown("node", "js"))
        said = self.run_script("node", "--test", "--test-reporter=tap", "mine.test.mjs")
        for kind in ("reference", "as-deployed"):
            self.assertRegex(said, rf"ok \d - waits as long as it is told \({kind}\)")
        self.assertRegex(said, r"# fail 0")
        # And its types are those of the README's code.
        (self.room / "mine.mts").write_text(
            'import { startMock, kinds } from "trenchcheck-mock";\n'
            "const workspace = await (await startMock()).workspace({ deviations: kinds[1][1] });\n"
            'const key: string = await workspace.key(["write:events"]);\n'
            'const slip: number = await workspace.key(["write:event"]);\n'
        )
        tsc = [LINTERS / "node_modules/.bin/tsc", "--noEmit", "--strict", "--module", "nodenext", "--target", "es2022"]
        said = self.run_script(*tsc, "mine.mts", code=2)
        self.assertEqual(set(re.findall(r"mine\.mts\((\d+),", said)), {"4"}, said)


if __name__ == "__main__":
    unittest.main()

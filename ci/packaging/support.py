"""What the tests of the packaging share: the tree, the program, and a room to run scripts in."""

import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
PROGRAM = pathlib.Path(os.environ.get("TRENCHCHECK", ROOT / "target/debug/trenchcheck")).resolve()
# Where `ci/test` installs the linters.
LINTERS = pathlib.Path(os.environ.get("LINTERS", ROOT / "target/linters")).resolve()


def yaml_documents(text):
    """Every document of a YAML text; the reader comes with the linters."""
    from ruamel.yaml import YAML

    return list(YAML(typ="safe").load_all(text))


@functools.cache
def version():
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[1]


class Room(unittest.TestCase):
    """A test in an empty directory, with programs stood in for where they are named."""

    def setUp(self):
        self.room = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.room)
        self.bin = self.room / "bin"
        self.bin.mkdir()
        # Packing the program of a debug build takes seconds each time, and this is one just as well.
        (self.bin / "trenchcheck").write_text(f'#!/bin/sh\nexec "{PROGRAM}" "$@"\n')
        (self.bin / "trenchcheck").chmod(0o755)

    def stand_in(self, name, script):
        """A program called `name` that logs its arguments to calls.txt and then does what `script` says."""
        program = self.bin / name
        log = f'printf "%s" {name} >> "{self.room}/calls.txt"; printf " %s" "$@" >> "{self.room}/calls.txt"'
        program.write_text(f'#!/usr/bin/env bash\n{log}; echo >> "{self.room}/calls.txt"\n{script}\n')
        program.chmod(0o755)

    def calls(self):
        file = self.room / "calls.txt"
        return file.read_text().splitlines() if file.exists() else []

    def mock(self, *arguments):
        """Starts a mock on this machine for the rest of the test; gives its URL."""
        command = [PROGRAM, "mock", "--port", "0", "--json", *arguments]
        mock = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(mock.stdout.close)
        self.addCleanup(mock.wait)
        self.addCleanup(mock.terminate)
        return json.loads(mock.stdout.readline())["url"]

    def variables(self, **given):
        """The variables of a script that runs in the room."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRENCHCHECK", "GITHUB"))}
        kept["PATH"] = f"{self.bin}:{kept['PATH']}"
        return kept | {name: str(value) for name, value in given.items()}

    def run_script(self, *command, code=0, **variables):
        """Runs a script in the room; gives what it said on both streams."""
        ran = subprocess.run(
            [str(word) for word in command],
            cwd=self.room,
            env=self.variables(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
        )
        self.assertEqual(ran.returncode, code, ran.stdout)
        return ran.stdout

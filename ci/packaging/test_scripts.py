"""Every script of the packaging is run, as a runner or a person would run it."""

import hashlib
import re
import signal
import subprocess
import tarfile
import unittest
import zipfile

from support import PACKAGING, PROGRAM, ROOT, Room, version
from test_files import filled_in, yaml_documents

LINUX = "x86_64-unknown-linux-musl"


class Archives(Room):
    def archive(self, target=LINUX, out="dist"):
        self.run_script(PACKAGING / "archive", target, self.bin / "trenchcheck", out)
        return self.room / out / f"trenchcheck-{version()}-{target}"

    def test_an_archive_has_the_program_its_pages_its_completions_and_its_checksum(self):
        name = self.archive()
        file = name.with_name(f"{name.name}.tar.gz")
        with tarfile.open(file) as archive:
            held = {member.name.removeprefix(f"{name.name}/") for member in archive.getmembers()}
            program = archive.getmember(f"{name.name}/trenchcheck")
        self.assertTrue(program.isfile() and program.mode & 0o100)
        for wanted in [
            "README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "man/trenchcheck.1", "man/trenchcheck-test.1",
            "completions/trenchcheck.bash", "completions/_trenchcheck", "completions/trenchcheck.fish",
            "completions/_trenchcheck.ps1", "completions/trenchcheck.elv",
        ]:
            self.assertIn(wanted, held)
        said = file.with_name(f"{file.name}.sha256").read_text().split()
        self.assertEqual(said, [hashlib.sha256(file.read_bytes()).hexdigest(), file.name])

    def test_windows_gets_a_zip(self):
        name = self.archive("x86_64-pc-windows-msvc")
        with zipfile.ZipFile(name.with_name(f"{name.name}.zip")) as archive:
            self.assertIn(f"{name.name}/completions/_trenchcheck.ps1", archive.namelist())

    def test_bash_completes_with_what_is_in_the_archive(self):
        name = self.archive()
        subprocess.run(["tar", "-xf", f"{name}.tar.gz"], cwd=self.room, check=True)
        script = f"""
            source {self.room}/{name.name}/completions/trenchcheck.bash
            COMP_WORDS=(trenchcheck explain auth.no-b) COMP_CWORD=2 COMP_TYPE=9
            _clap_complete_trenchcheck trenchcheck auth.no-b explain
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        self.assertIn("auth.no-bearer", self.run_script("bash", "-c", script).split())

    def release(self):
        """A release of this program, as it lies on a server."""
        target = re.search(r"Linux-x86_64\) target=(\S+)", (PACKAGING / "install").read_text()).group(1)
        self.archive(target, f"releases/v{version()}")
        return f"file://{self.room}/releases"

    def test_a_release_is_installed_if_it_is_what_its_checksum_says(self):
        releases = self.release()
        self.stand_in("uname", 'case $1 in -s) echo Linux ;; *) echo x86_64 ;; esac')
        install = [PACKAGING / "install", f"v{version()}", "here"]
        self.run_script("sh", *install, TRENCHCHECK_RELEASES=releases)
        self.run_script(self.room / "here/trenchcheck", "--version")
        [archive] = self.room.glob("releases/*/*.tar.gz")
        archive.write_bytes(archive.read_bytes() + b"\0")
        said = self.run_script("sh", *install[:2], "there", TRENCHCHECK_RELEASES=releases, code=1)
        self.assertRegex(said, r"FAILED|did NOT match")
        self.assertEqual(list(self.room.glob("there/*")), [])
        self.stand_in("uname", "echo Plan9")
        said = self.run_script("sh", *install, TRENCHCHECK_RELEASES=releases, code=2)
        self.assertIn("no release for Plan9", said)

    def test_the_gitlab_job_installs_it_and_tests(self):
        self.stand_in("uname", 'case $1 in -s) echo Linux ;; *) echo x86_64 ;; esac')
        job = yaml_documents(filled_in(PACKAGING / "gitlab/templates/test.yml"))[0]["trenchcheck"]
        variables = job["variables"] | {
            "TRENCHCHECK_RELEASES": self.release(), "TRENCHCHECK_VERSION": version(), "CI_PROJECT_DIR": self.room,
            "TRENCHCHECK_ARGUMENTS": "auth.no-bearer --quiet", "TRENCHCHECK_TARGET": "",
        }
        said = self.run_script("sh", "-ec", "\n".join(job["script"]), **variables)
        self.assertIn("conforms", said)
        for report in ("junit", "codequality"):
            self.assertTrue((self.room / job["artifacts"]["reports"][report]).is_file(), report)

    def test_the_formula_and_the_release_carry_the_checksums(self):
        for target in re.findall(r"target=(\S+-\S+)", (PACKAGING / "install").read_text()):
            self.archive(target)
        self.stand_in("gh", "")
        copy = self.changed_tree()
        variables = {"GITHUB_SERVER_URL": "https://git.example", "GITHUB_REPOSITORY": "o/trenchcheck"}
        self.run_script(copy / "packaging/publish", version(), "dist", **variables)
        formula = (self.room / "dist/trenchcheck.rb").read_text()
        self.assertNotIn("@", formula)
        sums = dict(line.split()[::-1] for line in (self.room / "dist/SHA256SUMS").read_text().splitlines())
        self.assertEqual(len(sums), 5)
        for url, checksum in re.findall(r'url "(.*)"\s+sha256 "(.*)"', formula):
            base = f"https://git.example/o/trenchcheck/releases/download/v{version()}/"
            self.assertEqual(sums[url.removeprefix(base)], checksum)
        [call] = self.calls()
        self.assertTrue(call.startswith(f"gh release create v{version()}"), call)
        for name in [*sums, "SHA256SUMS", "trenchcheck.rb"]:
            self.assertIn(f"./{name}", call.split())

    def changed_tree(self, **fields):
        """A copy of the scripts beside a manifest with these fields and a changelog with this version."""
        copy = self.room / "tree"
        subprocess.run(["cp", "-r", PACKAGING, f"{copy}-packaging"], check=True)
        copy.mkdir(exist_ok=True)
        (self.room / "tree-packaging").rename(copy / "packaging")
        more = "".join(f'{name} = "{value}"\n' for name, value in fields.items())
        manifest = (ROOT / "Cargo.toml").read_text()
        manifest = re.sub(r"(?m)^repository = .*\n", "", manifest)
        (copy / "Cargo.toml").write_text(manifest.replace("[package]\n", f"[package]\n{more}", 1))
        (copy / "CHANGELOG.md").write_text(f"# Changelog\n\n## Unreleased\n\n## {version()}\n\n- All of it.\n\n## 0.0.1\n\n- x\n")
        return copy

    def test_a_release_that_is_not_ready_says_why(self):
        check = self.changed_tree(repository="https://git.example/o/r") / "packaging/check-release"
        here = {"GITHUB_SERVER_URL": "https://git.example", "GITHUB_REPOSITORY": "o/r"}
        self.assertEqual(self.run_script(check, f"v{version()}", **here), "")
        self.assertIn("tag v", self.run_script(check, "v9.9.9", code=1, **here))
        elsewhere = here | {"GITHUB_REPOSITORY": "fork/r"}
        self.assertIn("fork/r", self.run_script(check, f"v{version()}", code=1, **elsewhere))
        notes = self.run_script(self.room / "tree/packaging/notes", version())
        self.assertEqual(notes.strip(), "- All of it.")
        (self.room / "tree/CHANGELOG.md").write_text("## Unreleased\n\n- x\n")
        said = self.run_script(check, f"v{version()}", code=1, **here)
        self.assertIn(f'section "## {version()}"', said)


class Runs(Room):
    def test_the_program_does_its_jobs_alone(self):
        said = self.run_script(PACKAGING / "smoke", PROGRAM, "auth.no-*")
        self.assertIn("all is well", said)

    def test_an_image_is_tried(self):
        docker = """
            case $1 in
              run) echo container ;;
              inspect) [ -e second ] && echo HEALTH || { touch second; echo starting; } ;;
            esac
        """
        for health, code in [("healthy", 0), ("unhealthy", 1)]:
            with self.subTest(health):
                self.stand_in("docker", f"cd {self.room}; {docker.replace('HEALTH', health)}")
                self.run_script(PACKAGING / "image", "t", code=code, PAUSE=0)
        built = self.calls()[0]
        self.assertEqual(built, "docker build --pull -f packaging/Dockerfile -t t .")
        self.assertIn("docker stop --timeout 10 container", self.calls())

    def runner(self):
        """The files and variables of a runner."""
        (self.room / "tmp").mkdir(exist_ok=True)
        files = {name: self.room / name.lower() for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH")}
        for file in files.values():
            file.write_text("")
        return files | {"RUNNER_TEMP": self.room / "tmp"}

    def written(self, variables, name):
        return dict(line.split("=", 1) for line in variables[name].read_text().splitlines())

    def test_the_action_starts_a_mock_for_the_steps_that_follow_and_tests_it(self):
        runner = self.runner()
        self.run_script(PACKAGING / "action/mock", PORT=0, ARGUMENTS="--no-limits --log", **runner)
        given = self.written(runner, "GITHUB_ENV")
        [mock] = subprocess.run(
            ["pgrep", "-f", " mock --port 0 --no-limits --log"], capture_output=True, text=True
        ).stdout.split()[-1:]
        self.addCleanup(subprocess.run, ["kill", mock])
        self.assertEqual(self.written(runner, "GITHUB_OUTPUT")["url"], given["TRENCHCHECK_URL"])
        self.assertRegex(given["TRENCHCHECK_KEY_INGESTION"], r"\Act_live_[A-Za-z0-9]+\Z")
        variables = runner | {"TARGET": given["TRENCHCHECK_URL"], "REPORTS": "reports"}
        self.run_script(PACKAGING / "action/test", ARGUMENTS="auth.no-bearer --keys mock", **variables)
        self.assertEqual(self.written(runner, "GITHUB_OUTPUT")["exit-code"], "0")
        for report in ("junit.xml", "report.json", "report.html", "evidence.json"):
            self.assertTrue((self.room / "reports" / report).is_file())

    def test_the_action_says_why_there_is_no_mock(self):
        said = self.run_script(PACKAGING / "action/mock", PORT=0, ARGUMENTS="--deviate nothing", code=1, **self.runner())
        self.assertIn("::error::the mock did not start", said)
        self.assertIn("nothing", said.splitlines()[-1])

    def test_the_action_passes_the_exit_code_on(self):
        runner = self.runner()
        variables = runner | {"TARGET": "http://127.0.0.1:1", "REPORTS": "reports"}
        variables |= {"TRENCHCHECK_KEY_READ": "ct_live_ofNobody"}
        self.run_script(PACKAGING / "action/test", ARGUMENTS="auth.missing", code=3, **variables)
        self.assertEqual(self.written(runner, "GITHUB_OUTPUT"), {"exit-code": "3"})

    def test_the_action_installs_the_release_it_belongs_to(self):
        runner = self.runner()
        self.stand_in("curl", "exit 7")
        variables = runner | {"SERVER": "https://git.example", "REPOSITORY": "o/trenchcheck", "VERSION": ""}
        self.run_script(PACKAGING / "action/install", REF="v1.2.3", code=7, **variables)
        self.assertIn("https://git.example/o/trenchcheck/releases/download/v1.2.3/", self.calls()[-1])
        said = self.run_script(PACKAGING / "action/install", REF="main", code=2, **variables)
        self.assertIn('::error::"main" is no release', said)


if __name__ == "__main__":
    unittest.main()

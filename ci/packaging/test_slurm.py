"""`ci/slurm-array.sh`: what it refuses, and what it does on a real Slurm that `ci/one-machine-slurm` starts."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from support import ROOT, Room

ARRAY = ROOT / "ci/slurm-array.sh"
HERE = ROOT / "ci/one-machine-slurm"
# sacct knows what became of a job, and keeps it in a database.
NEEDED = ["munged", "slurmctld", "slurmd", "sbatch", "slurmdbd", "mariadbd"]
MISSING = [name for name in NEEDED if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")]

# Stands in for a load run that takes a minute, if nobody ends it, and leaves something to merge.
LOAD = """
    case "$*" in
      *--dry-run*)
        echo "a would send to b, in 1 min 0 s:"
        echo "1 request and 1 event in all, over 4 lanes, at most 1 under way at once." ;;
      load*) mkdir -p "${@: -1}"; touch "${@: -1}/run.json" ;;
    esac
"""


class Array(Room):
    def submit(self, *arguments, code=0, **variables):
        given = {"TARGET": "http://127.0.0.1:1", "ALLOW_HOST": "127.0.0.1", "SHARDS": 4, "START_IN": "15s"}
        return self.run_script(ARRAY, *arguments, code=code, **given | variables)


class Refused(Array):
    """Before anything is queued."""

    def setUp(self):
        super().setUp()
        self.stand_in("sbatch", "exit 1")
        self.stand_in("sinfo", "printf 'n1 idle\nn1 idle\nn2 allocated\nn3 down*\nn4 draining\n'")

    def tearDown(self):
        self.assertEqual([call for call in self.calls() if call.startswith("sbatch")], [])
        self.assertEqual(list(self.room.glob("trenchcheck-*")), [])

    def test_what_is_missing_or_cannot_be_understood(self):
        for variables, why in [
            ({"TARGET": ""}, "TARGET is not set"),
            ({"ALLOW_HOST": ""}, "ALLOW_HOST is not set"),
            ({"SHARDS": "four"}, "SHARDS is `four`"),
            ({"SHARDS": 0}, "SHARDS is `0`"),
            ({"START_IN": "soon"}, "START_IN is `soon`"),
        ]:
            with self.subTest(why):
                self.assertIn(f"error: {why}", self.submit(code=2, **variables))

    def test_what_load_would_not_understand(self):
        self.assertIn("did you mean `quick-ingestion`", self.submit("quick-ingestoin", code=2))
        self.assertIn("--durations", self.submit("--durations", "1s", code=2))
        self.assertIn("--shard", self.submit("--shard", "1/2", "--shard", "1/2", code=2))

    def test_more_shards_than_keys(self):
        said = self.submit("quick-ingestion", "--key-count", "2", TARGET=self.mock(), SHARDS=3, code=2)
        self.assertIn("3 shards and only 2 keys", said)

    def test_more_shards_than_nodes_that_are_up(self):
        said = self.submit("quick-ingestion", TARGET=self.mock(), SHARDS=3, SBATCH_PARTITION="short", code=2)
        self.assertIn("3 shards, and the partition short has 2 nodes that can take one", said)

    def test_a_start_before_which_no_key_can_be_used_up(self):
        keys = {f"TRENCHCHECK_KEY_INGESTION{more}": f"ct_live_{'a' * 31}{more[-1:] or 1}" for more in ("", "_2")}
        said = self.submit("sustain-ingestion", SHARDS=2, START_IN="75s", code=2, **keys)
        self.assertIn("a shard must be up 75 seconds before the start", said)


@unittest.skipIf(MISSING, f"no Slurm to try its array on: {', '.join(MISSING)} missing; ci/test --with-slurm installs it")
class OnSlurm(Array):
    """Four nodes, and what sacct says of the jobs."""

    @classmethod
    def setUpClass(cls):
        # It stops when its standard input ends, so also where these tests are killed.
        until_then = [HERE, "sh", "-c", 'echo "$SLURM_CONF"; cat > /dev/null']
        slurm = subprocess.Popen(until_then, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(slurm.wait)
        cls.addClassCleanup(slurm.stdout.close)
        cls.addClassCleanup(slurm.stdin.close)
        cls.conf = slurm.stdout.readline().strip()
        assert cls.conf, "Slurm did not start"

    def variables(self, **given):
        return super().variables(SLURM_CONF=self.conf, **given)

    def left(self):
        """The directory of the run."""
        [run] = self.room.glob("trenchcheck-*")
        return run

    def sacct(self, *columns):
        """What sacct says of the jobs of the run, by shard."""
        columns = f"--format=JobID,{','.join(columns)}"
        told = self.run_script("sacct", "--allocations", "--noheader", "--parsable2", columns, f"--name={self.left().name}")
        rows = (row.split("|") for row in told.splitlines())
        # Of a task that never began, the number is in brackets.
        return {job.partition("_")[2].strip("[]") or "merge": columns for job, *columns in rows}

    def jobs(self, shards):
        """State and exit code of each shard, and of the merge step."""
        expected = {*(str(shard + 1) for shard in range(shards)), "merge"}
        # What has happened reaches the database a little later.

        def are_over():
            states = self.sacct("State")
            return set(states) == expected and not any(state in ("PENDING", "RUNNING") for [state] in states.values())

        self.until(are_over)
        # "CANCELLED by 0" names a user; such a job has no exit code of its own.
        said = {
            job: "CANCELLED" if state.startswith("CANCELLED") else f"{state} {code}"
            for job, (state, code) in self.sacct("State", "ExitCode").items()
        }
        return [said[str(shard + 1)] for shard in range(shards)], said["merge"]

    def occupy(self, nodes):
        """Jobs of somebody else on so many nodes."""
        busy = ["sbatch", "--parsable", "--exclusive", "--output=/dev/null", "--wrap=sleep 300"]
        ids = [self.run_script(*busy).strip() for _ in range(nodes)]
        self.addCleanup(self.run_script, "scancel", *ids)
        self.until(lambda: self.run_script("squeue", "--noheader", "--states=RUNNING").count("\n") == nodes)
        return ids

    def until(self, is_so):
        for _ in range(300):
            if is_so():
                return
            time.sleep(0.2)
        self.fail("waited for a minute")

    def test_four_nodes_make_one_run(self):
        said = self.submit("quick-ingestion", "--duration", "2s", TARGET=self.mock())
        self.assertIn("4 keys for", said)
        self.assertIn("exit code 0", said)
        run = self.left()
        parts = json.loads((run / "load.json").read_text())["run"]["parts"]
        self.assertEqual([part["shard"] for part in parts], [{"index": index, "of": 4} for index in (1, 2, 3, 4)])
        self.assertEqual(len({part["started_at"] for part in parts}), 1)
        self.assertTrue((run / "load.xml").is_file() and (run / "load.html").is_file())
        self.assertEqual(self.jobs(4), (["COMPLETED 0:0"] * 4, "COMPLETED 0:0"))
        where = self.sacct("NodeList", "Timelimit")
        del where["merge"]
        self.assertEqual(sorted(node for node, _ in where.values()), ["n1", "n2", "n3", "n4"])
        # A minute of waiting and one of sending, begun ones counted as whole, and two for the end.
        self.assertEqual({limit for _, limit in where.values()}, {"00:04:00"})
        [merge] = (run / "merge.id").read_text().split()
        for job in (merge, str(int(merge) - 1)):
            self.assertIn("Requeue=0", self.run_script("scontrol", "show", "job", job))

    def test_a_missed_threshold_is_the_exit_code_of_the_merge_step_alone(self):
        # Only a bound on response times misses nothing else: no answer takes less than a microsecond.
        (self.room / "mine.yaml").write_text(
            "profile: mine\nabout: Faster than can be.\nwindows: 1\nwindow: {send: 1s, rest: 0s}\n"
            "lanes: [{name: plugin, key: ingestion, request: post-events, batch: 1, rate: 90% of limit}]\n"
            "thresholds: {response: {admitted: {p99_ms: 0.001}}}\n"
        )
        said = self.submit("mine.yaml", TARGET=self.mock(), SHARDS=2, code=6)
        self.assertIn("exit code 6", said)
        self.assertEqual(self.jobs(2), (["COMPLETED 0:0"] * 2, "FAILED 6:0"))

    def test_an_invalid_run_comes_through_and_every_shard_gets_the_arguments_and_the_environment(self):
        # Which run is invalid is not for a script to say.
        invalid = 'case "$*" in *--dry-run*) ;; *) echo "$TRENCHCHECK_KEY_INGESTION_2"; exit 7 ;; esac'
        self.stand_in("trenchcheck", LOAD + invalid)
        said = self.submit("--rate", "3 x limit", TRENCHCHECK_KEY_INGESTION_2="ct_live_second", SBATCH_EXPORT="NONE", code=7)
        self.assertIn("ct_live_second", said)
        self.assertEqual(self.jobs(4), (["COMPLETED 0:0"] * 4, "FAILED 7:0"))
        loads = [call for call in self.calls() if "--save" in call]
        self.assertEqual(len(loads), 4)
        for load in loads:
            self.assertIn("load sustain-ingestion --rate 3 x limit --target http://127.0.0.1:1 --allow-host", load)
        self.assertNotIn("ct_live_second", "".join(self.calls()))
        self.assertEqual((self.left() / "shard-3.log").read_text(), "ct_live_second\n")

    def test_nobody_sends_when_a_shard_has_no_node_in_time(self):
        self.occupy(3)
        said = self.submit("quick-ingestion", "--duration", "2s", TARGET=self.mock(), SHARDS=2, START_IN="10s", code=130)
        self.assertRegex(said, r"not up by \S+, so all shards are cancelled: 2 \(Resources\)")
        self.assertIn("shard 2 left no run: it never began", said)
        # The shard that was up had begun its run, and says that it was interrupted.
        shards, merge = self.jobs(2)
        self.assertEqual(shards, ["CANCELLED"] * 2)
        self.assertRegex(merge, "^FAILED")
        self.assertIn("nothing was sent", (self.left() / "shard-1.log").read_text())

    def test_a_late_shard_sends_nothing_and_ends_the_others_though_nobody_watches(self):
        [job] = self.occupy(3)[:1]
        given = {"TARGET": self.mock(), "ALLOW_HOST": "127.0.0.1", "SHARDS": "2", "START_IN": "8s"}
        watching = subprocess.Popen(
            [ARRAY, "quick-ingestion", "--duration", "50s"],
            cwd=self.room,
            env=self.variables(**given),
            stdout=subprocess.DEVNULL,
        )
        self.addCleanup(watching.wait)
        self.until(lambda: list(self.room.glob("trenchcheck-*/merge.id")))
        watching.send_signal(signal.SIGKILL)
        # By then shard 1 sends.
        time.sleep(9)
        self.run_script("scancel", job)
        merged = self.left() / "merge.log"
        self.until(lambda: merged.exists() and "shard 1 was interrupted, and shard 2 is missing" in merged.read_text())
        self.assertRegex(
            merged.read_text(), r"shard 2 left no run: error: late: up at \S+, and must have been by \S+; nothing was sent"
        )
        shards, merge = self.jobs(2)
        self.assertEqual(shards, ["CANCELLED", "FAILED 2:0"])
        self.assertRegex(merge, "^FAILED")

    def test_ctrl_c_cancels_all(self):
        given = {"TARGET": self.mock(), "ALLOW_HOST": "127.0.0.1", "SHARDS": "2", "START_IN": "60s"}
        waiting = subprocess.Popen(
            [ARRAY, "quick-ingestion"],
            cwd=self.room,
            env=self.variables(**given),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.until(lambda: any(file.read_text() for file in self.room.glob("trenchcheck-*/merge.id")))
        waiting.send_signal(signal.SIGINT)
        self.assertEqual(waiting.wait(30), 130)
        self.until(lambda: not self.run_script("squeue", "--noheader", f"--name={self.left().name}"))
        # sacct does not know a job that was never due.
        [merge] = (self.left() / "merge.id").read_text().split()
        self.assertIn("JobState=CANCELLED", self.run_script("scontrol", "show", "job", merge))

    def test_a_shard_that_fails_ends_the_others(self):
        fails = 'case "$*" in *--shard*2/4*) echo "error: its key does not work"; exit 3 ;; *--shard*) sleep 60 ;; esac'
        self.stand_in("trenchcheck", LOAD.replace("load*) mkdir", f"load*) {fails}; mkdir"))
        before = time.monotonic()
        said = self.submit(code=2)
        self.assertLess(time.monotonic() - before, 50)
        self.assertIn("shard 2 left no run: error: its key does not work", said)
        self.assertIn("no shard left a run", said)
        self.assertEqual(self.jobs(4), (["CANCELLED", "FAILED 3:0", "CANCELLED", "CANCELLED"], "FAILED 2:0"))

    def test_more_shards_than_nodes(self):
        said = self.submit("quick-ingestion", TARGET=self.mock(), SHARDS=5, code=2)
        self.assertIn("5 shards, and the partition main has 4 nodes that can take one", said)

    def test_it_is_no_batch_script(self):
        self.run_script("sbatch", "--wait", "--output=said.log", ARRAY, code=2)
        self.assertIn("this is no batch script", (self.room / "said.log").read_text())


if __name__ == "__main__":
    unittest.main()

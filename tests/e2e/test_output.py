"""Where reports and messages go when there is no room, no stream, or somebody else's file in the way."""

import json
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from program import BINARY, ROOT, run
from test_checkpoint import EXPERIMENT, write
from test_usage import CLEAN, LEAKY

FULL = pathlib.Path("/dev/full")


def start(*arguments, **options):
    return subprocess.run([BINARY, *map(str, arguments)], cwd=ROOT, timeout=300, **options)


class Output(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.report = self.path / "report.json"

    def verdict(self):
        return json.loads(self.report.read_text())["verdict"]

    @unittest.skipUnless(FULL.exists(), "no /dev/full")
    def test_a_full_stderr_changes_nothing(self):
        with FULL.open("w") as full:
            for subject, code in ((CLEAN, 0), (LEAKY, 1)):
                self.assertEqual(start("audit", subject, "-o", f"json={self.report}", stderr=full).returncode, code)
                self.assertEqual(self.verdict(), ("pass", "fail")[code])
            self.assertEqual(start("audit", self.path / "absent", stderr=full).returncode, 2)
            self.assertEqual(start("no-such-command", stderr=full).returncode, 4)
            plan = self.path / "plan"
            done = start("audit", write(self.path / "model"), "--positions", 16, "--check", "causal-mask", "--record", plan,
                         "-o", f"json={self.report}", stderr=full)
            self.assertEqual((done.returncode, self.verdict()), (0, "pass"))

    def test_a_closed_stderr_puts_no_message_into_a_file(self):
        for closed in ((2,), (1, 2), (0, 1, 2)):
            done = start("audit", CLEAN, "-o", f"json={self.report}", preexec_fn=lambda: [os.close(fd) for fd in closed])
            self.assertEqual(done.returncode, 0, closed)
            self.assertEqual(self.verdict(), "pass")

    def test_a_closed_stdout_is_an_error_and_files_are_whole(self):
        done = start("audit", CLEAN, "-o", "text", "-o", f"json={self.report}", preexec_fn=lambda: os.close(1),
                     stderr=subprocess.DEVNULL)
        self.assertEqual((done.returncode, self.verdict()), (2, "pass"))

    @unittest.skipUnless(FULL.exists(), "no /dev/full")
    def test_help_that_nobody_can_read_is_an_error(self):
        for arguments in (("--help",), ("--version",), ("audit", "--help")):
            with FULL.open("w") as full:
                self.assertEqual(start(*arguments, stdout=full, stderr=subprocess.DEVNULL).returncode, 2)
            self.assertEqual(start(*arguments, stdout=subprocess.DEVNULL).returncode, 0)

    def test_other_files_beside_the_report_stay_as_they_are(self):
        victim = self.path / "victim"
        victim.write_text("kept")
        for name in ("report.json.partial", "report.json.tmp"):
            (self.path / name).symlink_to(victim)
        self.assertEqual(start("audit", CLEAN, "-o", f"json={self.report}", "-q").returncode, 0)
        self.assertEqual(victim.read_text(), "kept")
        self.assertEqual({p.name for p in self.path.iterdir()},
                         {"victim", "report.json", "report.json.partial", "report.json.tmp"})

    def test_two_audits_with_one_output_mix_nothing(self):
        ends = []

        def one_audit(subject):
            ends.append(start("audit", subject, "-o", f"json={self.report}", "-q").returncode)

        crew = [threading.Thread(target=one_audit, args=(subject,)) for subject in (CLEAN, LEAKY) * 3]
        for one in crew:
            one.start()
        for one in crew:
            one.join()
        self.assertEqual(sorted(ends), [0, 0, 0, 1, 1, 1])
        self.assertIn(self.verdict(), ("pass", "fail"))
        self.assertEqual([p.name for p in self.path.iterdir()], ["report.json"])

    def test_a_file_that_grows_too_large_leaves_nothing(self):
        done = start("audit", CLEAN, "-o", f"json={self.report}", "-q", capture_output=True, restore_signals=True,
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"File too large", done.stderr)
        self.assertEqual(list(self.path.iterdir()), [])

    def test_a_path_that_is_no_text_verifies(self):
        plan = os.fsencode(self.path) + b"/pl\xffan\xee\xbe\x80"
        shutil.copytree(os.fsencode(LEAKY), plan)
        code = subprocess.run([BINARY, "audit", plan, "-o", f"json={self.report}", "-q"], cwd=ROOT).returncode
        self.assertEqual(code, 1)
        json.loads(self.report.read_text(encoding="utf-8"))
        done = run("verify", self.report, "-q")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Limits(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def experiment(self, changes):
        path = self.path / "experiment.json"
        path.write_text(json.dumps({**EXPERIMENT, **changes}))
        return run("lab", path, "--no-checks", "-q", "--out", self.path / "lab")

    def test_sizes_are_refused_before_memory_is_asked_for(self):
        model, arms = EXPERIMENT["model"], EXPERIMENT["arms"]
        autonomy = {"score": "autonomy", "autonomy_rank": 2**60}
        for changes in ({"model": model | {"width": 2**24, "heads": 1, "kv_heads": 1, "head_width": 2}},
                        {"model": model | {"vocab": 2**24, "width": 128}, "batch": {"sequences": 64, "positions": 1024}},
                        {"model": model | {"layers": 2**24, "width": 1, "head_width": 2, "expert_width": 1, "experts": 1}},
                        {"batch": {"sequences": 16, "positions": 2**20}},
                        {"arms": [arms[1] | {"router": autonomy, "rule": "expert-autonomy,k=2"}]},
                        {"arms": [arms[1] | {"router": autonomy | {"autonomy_rank": 2**24}, "rule": "expert-autonomy,k=2"}]}):
            done = self.experiment(changes)
            self.assertEqual(done.returncode, 4, f"{changes}: {done.stderr}")
            self.assertFalse((self.path / "lab").exists(), changes)

    def test_a_lack_of_memory_is_an_error_that_is_said(self):
        path = self.path / "experiment.json"
        path.write_text(json.dumps(EXPERIMENT | {"model": EXPERIMENT["model"] | {"width": 4096, "expert_width": 4096}}))
        few = 900 * 2**20
        done = start("lab", path, "--no-checks", "-q", "--threads", 2, "--out", self.path / "lab", capture_output=True,
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (few, few)))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"not enough memory", done.stderr)

    def test_a_lack_of_memory_in_any_thread_is_an_error_that_is_said(self):
        """The audit's threads and the one that hashes files: none may end in a signal or a wrong hash."""
        seen = set()
        for limit in range(20 * 2**20, 140 * 2**20, 2**20):
            done = start("audit", ROOT / "audits/examples/clean", "-q", "-o", "json", capture_output=True,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
            if done.returncode == 127:  # the libraries could not be loaded
                continue
            seen.add(done.returncode)
            self.assertIn(done.returncode, (0, 2), (limit, done.stderr))
            if done.returncode == 2:
                self.assertRegex(done.stderr, b"not enough memory|Cannot allocate memory|allow more memory", limit)
        self.assertEqual(seen, {0, 2})

    def test_threads_that_the_system_refuses_are_no_signal(self):
        path = self.path / "experiment.json"
        path.write_text(json.dumps(EXPERIMENT | {"model": EXPERIMENT["model"] | {"width": 256, "expert_width": 256}}))
        for few in range(60 * 2**20, 310 * 2**20, 25 * 2**20):
            done = start("lab", path, "--no-checks", "-q", "--threads", 16, "--out", self.path / f"lab-{few}", capture_output=True,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (few, few)))
            self.assertIn(done.returncode, (0, 2), f"{few}: {done.stderr}")
            self.assertEqual(done.returncode == 2, done.stderr.startswith(b"pastonly: "), f"{few}: {done.stderr}")
            self.assertNotIn(b"internal error", done.stderr)

    def test_no_steps(self):
        done = self.experiment({"training": {"steps": 0}})
        self.assertEqual(done.returncode, 4)
        self.assertIn("steps must be at least 1", done.stderr)

    def test_numbers_that_are_none(self):
        for value in ("nan", "inf", "-nan", "1e999"):
            self.assertEqual(run("bound", "--experts", 8, "--top-k", value).returncode, 4, value)
        policy = self.path / "policy.json"
        for alpha, code in (("1e-300", 4), ("1e-13", 4), ("1e-12", 0), ("0.999", None)):
            policy.write_text('{"schema": "pastonly.policy/1", "alpha": %s, "limits": {"trial_rate": 1}}' % alpha)
            done = run("audit", CLEAN, "--policy", policy, "-q")
            self.assertNotIn("internal error", done.stderr)
            if code is not None:
                self.assertEqual(done.returncode == 4, code == 4, f"{alpha}: {done.stderr}")

    def test_a_witness_with_numbers_out_of_bounds_does_not_hold(self):
        report = self.path / "report.json"
        run("audit", LEAKY, "-o", f"json={report}", "-q")
        stated = json.loads(report.read_text())
        flip = next(f for f in stated["findings"] if f["witness"] and f["witness"].get("type") == "flip")
        for value in (1e300, -1, 2**63, 0.5):
            flip["witness"]["position"] = value
            report.write_text(json.dumps(stated))
            done = run("verify", report, "-q")
            self.assertEqual(done.returncode, 1, f"{value}: {done.stderr}")

    def test_large_json_is_read_in_linear_time_and_can_be_interrupted(self):
        def log(entries):
            path = self.path / f"{entries}.json"
            path.write_text(json.dumps({"log_history": [{"step": i, "loss": 2.0, "lr": 1e-4} for i in range(entries)]}))
            begun = time.monotonic()
            self.assertEqual(run("audit", "--log", f"causal:{path}", "-q").returncode, 3)
            return time.monotonic() - begun

        log(1000)
        small, large = log(30_000), log(240_000)
        self.assertLess(large, 24 * small + 1.0)


if __name__ == "__main__":
    unittest.main()

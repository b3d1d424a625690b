"""Checkpoints that change or a user that errs while one is audited."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from program import BINARY, ROOT, audit, run
from test_checkpoint import EXPERIMENT, write


class Hostile(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)
        self.checkpoint = write(self.root / "model")

    def meanwhile(self, act):
        """Exit code and stderr of a recording audit that is held after its first runs while act(process) happens."""
        plan = self.root / "plan"
        process = subprocess.Popen([BINARY, "audit", str(self.checkpoint), "--record", str(plan), "--quiet", "--output",
                                    f"json={self.root / 'report.json'}"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        for _ in range(6000):
            if list(plan.glob("*.out.safetensors")):
                break
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGSTOP)
        act(process)
        os.kill(process.pid, signal.SIGCONT)
        said = process.communicate(timeout=120)[1]
        self.assertFalse((self.root / "report.json").exists())
        return process.returncode, said

    def test_a_file_cut_short(self):
        model = self.checkpoint / "model.safetensors"
        code, said = self.meanwhile(lambda _: os.truncate(model, 1000))
        self.assertEqual(code, 2, said)
        self.assertIn(f"{model}: was truncated or became unreadable", said)

    def test_a_file_written_to(self):
        code, said = self.meanwhile(lambda _: os.utime(self.checkpoint / "config.json", (1, 1)))
        self.assertEqual(code, 2, said)
        self.assertIn("config.json: changed during the audit", said)

    def test_interrupted_while_recording(self):
        code, said = self.meanwhile(lambda process: process.send_signal(signal.SIGINT))
        self.assertEqual(code, 130, said)
        half = run("audit", self.root / "plan")
        self.assertEqual(half.returncode, 2)
        self.assertIn("plan.json", half.stderr)

    def refused(self, *arguments, says):
        done = run("audit", self.checkpoint, *arguments)
        self.assertEqual(done.returncode, 4, f"{arguments}: {done.stderr}")
        self.assertIn(says, done.stderr)
        self.assertLess(len(done.stderr), 300)

    def test_rules_that_do_not_fit(self):
        for rule, says in (("top-k,k=5", "4 experts"), ("expert-choice,k=4.5,chunk=8", "4 experts"),
                           ("biased-top-k,k=2,bias=[0.1;0.2]", "2 values"), ("expert-threshold,thresholds=[0.1;0.2]", "2 values"),
                           ("group-limited-top-k,k=2,groups=3,topk_groups=1", "3 groups"), ("soft-moe", "docs/guide.md"),
                           ("column-normalised-gate,k=2", "docs/guide.md"), ("k-means(same-batch),k=2", "docs/guide.md")):
            self.refused("--rule", rule, says=says)
        audit(self.checkpoint, "--rule", "top-k,k=4", "--positions", 32, "--check", "causal-mask", expect=0)

    def test_numbers_and_shapes(self):
        for option in ("--batch", "--positions", "--budget"):
            for value in ("0", "-1", "1e6", "x", str(2**63), str(2**64)):
                self.refused(f"{option}={value}", says=f"{option}: '{value}' is not a whole number")
        self.refused("--positions", 1, says="no earlier and later tokens")
        self.refused("--positions", 65, says="max_position_embeddings")
        for rows in (10**5, 10**8, 2**61, 2**63 - 1):
            self.refused("--batch", rows, says="512 MB")
        for budget in (1, 2**63 - 1):
            audit(self.checkpoint, "--budget", budget, "--positions", 16, "--batch", 2, "--check", "causal-mask", expect=0)

    def test_what_a_script_left_empty(self):
        for option in ("--rule", "--twin", "--tokens", "--record", "--text"):
            self.refused(option, "", says=f"{option}: is empty")

    def test_a_twin_is_another_model(self):
        self.refused("--twin", self.checkpoint, says="is the audited checkpoint itself")
        (self.root / "link").symlink_to(self.checkpoint)
        self.refused("--twin", self.root / "link", says="is the audited checkpoint itself")
        done = run("audit", self.checkpoint, "--twin", self.root)
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"--twin {self.root}: holds no config.json", done.stderr)

    def test_an_export_goes_over_no_other_checkpoint(self):
        experiment = self.root / "one.json"
        experiment.write_text(json.dumps(EXPERIMENT | {"training": {"steps": 2}, "arms": [{"name": "a", "rule": "top-k,k=2"}]}))
        saved = self.root / "saved"
        lab = lambda: run("lab", experiment, "--no-checks", "--quiet", "--out", self.root / "lab", "--export", saved)
        self.assertEqual([lab().returncode for _ in range(2)], [0, 0])
        (saved / "a" / "tokenizer.json").write_text("{}")
        done = lab()
        self.assertEqual(done.returncode, 2)
        self.assertIn("tokenizer.json", done.stderr)
        (saved / "a" / "tokenizer.json").unlink()
        for config in ("mine", '{"model_type": "olmoe"}', '{"saved_by": 1}', "[]", ""):
            (saved / "a" / "config.json").write_text(config)
            done = lab()
            self.assertEqual(done.returncode, 2, config)
            self.assertIn("was not written by --export", done.stderr)
            self.assertEqual((saved / "a" / "config.json").read_text(), config)
        (self.root / "file").write_text("")
        done = run("lab", experiment, "--out", self.root / "none", "--export", self.root / "file")
        self.assertEqual(done.returncode, 4)
        self.assertFalse((self.root / "none").exists())

    def test_a_recorded_plan_has_its_own_tokens(self):
        plan = self.root / "plan"
        audit(self.checkpoint, "--record", plan, "--positions", 16, "--check", "causal-mask", expect=0)
        self.assertEqual(run("compare", self.checkpoint, plan).returncode, 0)
        done = run("compare", plan, self.checkpoint, "--positions", 8)
        self.assertEqual(done.returncode, 4)
        self.assertIn("leave out", done.stderr)

    def test_a_report_is_judged_again(self):
        path = self.root / "report.json"
        done = run("audit", self.checkpoint, "--positions", 32, "--budget", 4096, "--quiet", "-o", f"json={path}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(run("report", path, "--policy", "ci").returncode, 0)
        release = run("report", path, "--policy", "release")
        self.assertEqual(release.returncode, 3)
        self.assertIn("with --rule", release.stdout)


if __name__ == "__main__":
    unittest.main()

"""Training logs of other people's runs, from file to verdict, report and verification."""

import json
import math
import pathlib
import random
import tempfile
import unittest

from program import run


def losses(floor, seed):
    draw = random.Random(seed)
    luck = draw.gauss(0, 0.01)
    return [floor + luck + (6 - floor) * math.exp(-step / 30) + draw.gauss(0, 0.02) for step in range(200)]


class Logs(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def jsonl(self, name, values):
        path = self.path / name
        path.write_text("".join(json.dumps({"step": i, "loss": x}) + "\n" for i, x in enumerate(values)))
        return str(path)

    def csv(self, name, values):
        path = self.path / name
        path.write_text("step,lr,loss\n" + "".join(f"{i},0.1,{x}\n" for i, x in enumerate(values)))
        return str(path)

    def trainer(self, name, values):
        path = self.path / name
        history = [{"step": i, "loss": x} for i, x in enumerate(values)]
        path.write_text(json.dumps({"log_history": history + [{"step": 199, "train_loss": 1.0}]}, indent=1))
        return str(path)

    def logs(self, small, baseline):
        named = [("chunk=8", self.jsonl("a", losses(small, 1))), ("chunk=8", self.csv("b", losses(small, 2))),
                 ("causal", self.trainer("c", losses(baseline, 3))), ("causal", self.jsonl("d", losses(baseline, 4)))]
        return [part for label, path in named for part in ("--log", f"{label}:{path}")]

    def printed(self, name, values):
        path = self.path / name
        path.write_text("".join(f" [2026-01-01 00:00:00] iteration {i:8d}/     200 | lm loss: {x:.6E} | loss scale: 1.0 |\n"
                                for i, x in enumerate(values)))
        return str(path)

    def test_every_shape_of_a_log_says_the_same(self):
        """Seeds of one arm in four shapes; a page of two runs, of which one is named."""
        logs = []
        for seed, write in enumerate((self.jsonl, self.csv, self.trainer, self.printed)):
            for label, floor in (("chunk=8", 2.0), ("causal", 2.5)):
                logs += ["--log", f"{label}:{write(f'{seed}-{label}', losses(floor, 10 * seed + (label == 'causal')))}"]
        done = run("audit", *logs)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        page = self.path / "page.csv"
        page.write_text("Step,a - train/loss,b - train/loss\n" + "".join(f"{i},{x},9\n" for i, x in enumerate(losses(2.0, 1))))
        other = self.csv("other.csv", losses(2.5, 2))
        done = run("audit", "--log", f"chunk=8:{page}")
        self.assertEqual(done.returncode, 2)
        self.assertIn("several runs: 'a - train/loss', 'b - train/loss'; name one with --map loss=COLUMN", done.stderr)
        report = self.path / "report.json"
        done = run("audit", "--log", f"chunk=8:{page}", "--map", "loss=a - train/loss,step=Step", "-q", "-o", f"json={report}")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(json.loads(report.read_text())["subject"]["options"]["loss"], "a - train/loss")
        self.assertEqual(run("verify", report).returncode, 0)
        self.assertEqual(run("audit", "--log", f"chunk=8:{other}", "--map", "scores=x").returncode, 4)

    def test_a_small_chunk_that_loses_less_fails(self):
        report = str(self.path / "report.json")
        done = run("audit", *self.logs(5.0, 5.5), "--unit", "bits", "-o", "json=" + report)
        self.assertEqual(done.returncode, 1, done.stderr)
        stated = json.loads(pathlib.Path(report).read_text())
        self.assertEqual([f["claim"] for f in stated["findings"]], ["chunk-drop"])
        figures = {m["name"]: m for c in stated["checks"] for m in c["measurements"]}
        drop = figures["drop[chunk=8 against causal]"]
        self.assertAlmostEqual(drop["value"], 0.5, delta=0.05)
        self.assertTrue(drop["lower"] < drop["value"] < drop["upper"])
        self.assertEqual(run("verify", report).returncode, 0)

    def test_runs_are_compared_at_the_last_step_that_all_have(self):
        named = [("chunk=8", self.jsonl("a", losses(5.5, 1))), ("chunk=8", self.jsonl("b", losses(5.5, 2))),
                 ("causal", self.jsonl("c", losses(5.5, 3)[:20])), ("causal", self.jsonl("d", losses(5.5, 4)[:20]))]
        logs = [part for label, path in named for part in ("--log", f"{label}:{path}")]
        done = run("audit", *logs, "--unit", "bits")
        self.assertEqual(done.returncode, 3, done.stdout)

    def test_nats_are_the_default(self):
        report = str(self.path / "report.json")
        run("audit", *self.logs(5.0, 5.5), "-o", "json=" + report)
        figures = {m["name"]: m for c in json.loads(pathlib.Path(report).read_text())["checks"]
                   for m in c["measurements"]}
        self.assertAlmostEqual(figures["drop[chunk=8 against causal]"]["value"], 0.5 / math.log(2), delta=0.08)

    def test_equal_losses_are_inconclusive(self):
        done = run("audit", *self.logs(5.5, 5.5), "--unit", "bits")
        self.assertEqual(done.returncode, 3)
        # Losses and drops, though nothing is found.
        self.assertRegex(done.stdout, r"chunk=8 +5\.[45]\d\d \[")
        self.assertRegex(done.stdout, r"chunk=8 against causal +[+-]0\.0\d\d \[.*not significant")

    def test_a_single_arm_shows_where_it_ends(self):
        report = str(self.path / "report.json")
        done = run("audit", "--log", "alone:" + self.jsonl("a", losses(5.0, 1)), "--unit", "bits", "-o", "text",
                   "-o", "json=" + report)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertRegex(done.stdout, r"alone +(4\.9|5\.0)\d\d")
        self.assertEqual(run("verify", report).returncode, 0)

    def test_what_is_wrong_is_said(self):
        broken = self.path / "broken.jsonl"
        broken.write_text('{"step": 1, "loss": 2}\n{"step": 2, "loss": NaN}\n')
        done = run("audit", "--log", f"chunk=8:{broken}")
        self.assertEqual(done.returncode, 2)
        self.assertIn("line 2", done.stderr)
        broken.write_text('{"step": 1, "loss": NaN}\n' * 2)
        self.assertIn("line 1: the loss is not finite", run("audit", "--log", f"chunk=8:{broken}").stderr)
        broken.write_text("step,loss\n1,2\n2,-1\n")
        done = run("audit", "--log", f"chunk=8:{broken}")
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"{broken}: line 3: the loss is negative", done.stderr)
        for wrong in (["audit"], ["audit", "--log", "no-label"], ["audit", "x.st", "--log", f"a:{broken}"],
                      ["audit", "--log", f"chunk=x:{broken}"], ["audit", "--log", f"chunk=08:{broken}"]):
            self.assertEqual(run(*wrong).returncode, 4, wrong)


if __name__ == "__main__":
    unittest.main()

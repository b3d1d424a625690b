"""Several recordings of one model under one verdict."""

import json
import pathlib
import shutil
import tempfile
import unittest

from made_plan import MadePlan, causal, whole_row
from program import audit, run

CUTS = [19, 36, 47, 53, 131, 200]


class Together(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)

    def plan(self, name, mode, model=causal, cuts=CUTS):
        plan = MadePlan(self.path / name, model, positions=300, mode=mode)
        plan.suffixes(cuts)
        plan.batch()
        return plan.write()

    def test_a_mode_may_come_from_either(self):
        served, trained = self.plan("eval", "eval"), self.plan("train", "train")
        alone = audit(served, "--policy", "release", expect=3)
        self.assertIn("the policy requires mode train", " ".join(alone["verdict_reasons"]))
        report = audit(served, trained, "--policy", "release", expect=0)
        self.assertEqual(report["verdict_reasons"], [])
        self.assertEqual([r["subject"]["mode"] for r in (report, *report["beside"])], ["eval", "train"])

    def test_the_worst_counts_and_names_its_plan(self):
        served, trained = self.plan("eval", "eval"), self.plan("train", "train", whole_row)
        path = self.path / "report.json"
        done = run("audit", served, trained, "--policy", "release", "-o", "text", "-o", f"json={path}")
        self.assertEqual(done.returncode, 1, done.stderr)
        report = json.loads(path.read_text())
        self.assertTrue(report["verdict_reasons"])
        self.assertTrue(all(reason.startswith(f"{trained}: ") for reason in report["verdict_reasons"]))
        self.assertEqual([found for found in report["findings"] if found["check"] != "specialisation"], [])
        self.assertIn("causal-mask", {f["check"] for f in report["beside"][0]["findings"]})
        for name in (served, trained):
            self.assertIn(str(name), done.stdout)
        self.assertEqual(run("verify", path).returncode, 0)
        again = run("report", path, "--policy", "release")
        self.assertEqual((again.returncode, again.stdout), (1, done.stdout))

    def test_interventions_must_stand_in_each(self):
        served, trained = self.plan("eval", "eval"), self.plan("train", "train", cuts=[])
        report = audit(served, trained, "--policy", "release", expect=3)
        self.assertIn(f"{trained}: no run changes later tokens", " ".join(report["verdict_reasons"]))

    def test_one_recording_given_twice_is_refused(self):
        plan = self.plan("once", "train")
        done = run("audit", plan, f"{self.path}/./once")
        self.assertEqual(done.returncode, 4)
        self.assertIn("is given twice", done.stderr)

    def test_a_copy_is_the_same_recording(self):
        plan, other = self.plan("once", "train"), self.plan("eval", "eval")
        copy = self.path / "copy"
        shutil.copytree(plan, copy)
        (copy / "plan.json").write_text((copy / "plan.json").read_text() + "\n")
        for subjects in ((plan, copy), (other, plan, copy), (plan, copy / "0003.out.safetensors")):
            done = run("audit", *subjects)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn(f"is {plan}/0", done.stderr)
            self.assertIn("byte for byte", done.stderr)

    def test_recordings_of_another_model_are_refused(self):
        served = self.plan("eval", "eval")
        other = self.path / "other"
        narrow = MadePlan(other, mode="train", layers=(0, 1, 2))
        narrow.suffixes([19])
        done = run("audit", served, narrow.write())
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("not of one model", done.stderr)


if __name__ == "__main__":
    unittest.main()

"""Recorded models with known answers."""

import pathlib
import tempfile
import unittest

from program import ROOT, SHARED, audit, findings, run

RELEASE = ROOT / "audits/policies/release.json"


@unittest.skipUnless(SHARED.exists(), "../shared/traces is not here")
class Traces(unittest.TestCase):
    def audited(self, name, *arguments, expect):
        return audit(SHARED / name, "--policy", RELEASE, *arguments, expect=expect)

    def rules(self, report):
        return {layer["rule"]["id"] for layer in report["layers"]}

    def test_expert_choice_over_chunks(self):
        report = self.audited("ec-chunk64", expect=1)
        self.assertIn("causal-mask", findings(report))
        self.assertNotIn("batch-isolation", findings(report))
        self.assertEqual(self.rules(report), {"expert-choice"})
        self.assertEqual({layer["rule"]["parameters"]["chunk"] for layer in report["layers"]}, {64})
        self.assertEqual({layer["rule"]["causal"] for layer in report["layers"]}, {False})
        self.assertEqual(report["layers"][0]["origin"]["kind"], "selection")
        self.assertFalse(report["layers"][0]["origin"]["contaminated"])
        self.assertEqual({layer["rule"]["parameters"]["capacity"] for layer in report["layers"]}, {16})

    def test_expert_choice_on_uniform_tokens(self):
        report = self.audited("ec-uniform-chunk16", expect=1)
        self.assertIn("causal-mask", findings(report))
        self.assertNotIn("source-floor", findings(report))
        self.assertEqual({layer["rule"]["parameters"]["chunk"] for layer in report["layers"]}, {16})
        self.assertEqual({layer["rule"]["parameters"]["capacity"] for layer in report["layers"]}, {4})
        report = self.audited("ec-uniform-chunk16", "--source", "uniform:64", expect=1)
        self.assertIn("source-floor", findings(report))

    def test_gshard(self):
        report = self.audited("gshard-top2", expect=1)
        self.assertLessEqual({"causal-mask", "batch-isolation"}, findings(report))
        self.assertEqual(self.rules(report), {"gshard-top-2"})
        for layer in report["layers"]:
            self.assertEqual(layer["rule"]["parameters"]["capacity"], 256)
        self.assertEqual({layer["rule"]["causal"] for layer in report["layers"]}, {False})

    def test_first_come_capacity(self):
        report = self.audited("drop-position", expect=1)
        self.assertIn("batch-isolation", findings(report))
        self.assertNotIn("causal-mask", findings(report))
        self.assertEqual(self.rules(report), {"token-major-capacity"})
        for layer in report["layers"]:
            self.assertEqual(layer["rule"]["parameters"]["capacity"], 256)

    def test_loss_free(self):
        report = self.audited("lossfree", expect=0)
        self.assertEqual(self.rules(report), {"biased-top-k"})
        self.assertEqual({layer["rule"]["causal"] for layer in report["layers"]}, {True})
        self.assertGreater(report["detection_limit"]["trials"], 0)
        self.assertLess(report["detection_limit"]["trial_rate"], 0.5)
        self.assertEqual(report["detection_limit"]["unseen_chunks"], [])

    def test_evaluation_only(self):
        report = self.audited("topk-aux", expect=3)
        self.assertTrue(any("train" in reason for reason in report["verdict_reasons"]))
        report = audit(SHARED / "topk-aux", "--policy", "ci", expect=0)
        self.assertEqual(self.rules(report), {"top-k"})

    def test_every_report_verifies(self):
        for path in sorted(p for p in SHARED.iterdir() if p.is_dir()):
            with self.subTest(trace=path.name), tempfile.TemporaryDirectory() as folder:
                report = pathlib.Path(folder) / "report.json"
                run("audit", path, "-q", "-o", f"json={report}")
                done = run("verify", report, "-q")
                self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_single_recorded_trace_never_passes(self):
        report = audit(SHARED / "lossfree" / "0000.out.safetensors", expect=3)
        self.assertEqual(self.rules(report), {"biased-top-k"})


if __name__ == "__main__":
    unittest.main()

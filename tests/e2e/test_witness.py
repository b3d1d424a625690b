"""Witnesses of recorded traces, re-checked from the raw tensors by a script that shares no code with pastonly."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

from program import ROOT, SHARED, run

SCRIPT = ROOT / "tests/audits/recheck_witness.py"


@unittest.skipUnless(SHARED.exists(), "../shared/traces is not here")
class Witness(unittest.TestCase):
    def recheck(self, trace, *checks):
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder) / "report.json"
            run("audit", SHARED / trace, "--policy", "release", "-o", f"json={report}", "--quiet")
            return subprocess.run([sys.executable, SCRIPT, report, *checks], capture_output=True, text=True)

    def test_witnesses_hold(self):
        for trace, checks in (("ec-chunk64", ["causal-mask"]), ("ec-uniform-chunk16", ["causal-mask"]),
                              ("gshard-top2", ["causal-mask"]), ("gshard-top2", ["batch-isolation"]),
                              ("drop-position", ["batch-isolation"]), ("drop-position", ["order-invariance"])):
            with self.subTest(trace=trace, checks=checks):
                done = self.recheck(trace, *checks)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_clean_traces_have_no_witness(self):
        for trace in ("lossfree", "topk-aux"):
            with self.subTest(trace=trace):
                self.assertEqual(self.recheck(trace).stdout, "")


if __name__ == "__main__":
    unittest.main()

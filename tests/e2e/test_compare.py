"""pastonly compare: what two recordings of the same tokens share."""

import json
import pathlib
import tempfile
import unittest

from program import ROOT, compare, figures, run

EXAMPLES = ROOT / "audits/examples"


class Compare(unittest.TestCase):
    def test_two_models_on_the_same_tokens(self):
        report = compare(EXAMPLES / "leaky", EXAMPLES / "clean", expect=1)
        kept = [m for m in report["checks"][0]["measurements"] if m["name"] == "routes_kept"]
        self.assertEqual([m["layer"] for m in kept], [0, 1])
        for figure, chance in zip(kept, figures(report, "routes_by_chance")):
            self.assertGreater(figure["lower"], chance)
            self.assertLess(figure["upper"], 1.0)
        done = run("compare", EXAMPLES / "leaky", EXAMPLES / "clean")
        self.assertEqual(done.returncode, 1)
        self.assertIn("routes kept", done.stdout)
        self.assertIn("Layer 0 is the first that differs", " ".join(done.stdout.split()))

    def test_a_model_shares_everything_with_itself(self):
        report = compare(EXAMPLES / "clean", EXAMPLES / "clean", expect=0)
        self.assertEqual(figures(report, "routes_kept"), [1.0, 1.0])
        unseen = next(m for m in report["checks"][0]["measurements"] if m["name"] == "unseen_share")
        self.assertAlmostEqual(unseen["value"], 1 - 0.05 ** (1 / unseen["samples"]), 9)

    def test_a_policy_says_what_is_allowed(self):
        """At the very share that differs the comparison passes, and just below it fails."""
        differing = next(m["value"] for m in compare(EXAMPLES / "leaky", EXAMPLES / "clean")["checks"][0]["measurements"]
                         if m["name"] == "differing_tokens" and m["layer"] is None)
        policy = json.loads("\n".join(line for line in (ROOT / "audits/policies/ci.json").read_text().splitlines()
                                      if not line.strip().startswith("//")))
        policy["severity"].update({"same-routes/gate-mismatch": "none", "same-routes/loss-mismatch": "none"})
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "policy.json"
            for limit, code in ((differing, 0), (differing * 0.99, 1)):
                policy["limits"].update({"mismatch_tokens": limit, "mismatch_routes": 1.0})
                path.write_text(json.dumps(policy))
                self.assertEqual(run("compare", EXAMPLES / "leaky", EXAMPLES / "clean", "--policy", path).returncode, code)
            # A report is judged again, and holds when it is made again.
            report = pathlib.Path(folder) / "report.json"
            self.assertEqual(run("compare", EXAMPLES / "leaky", EXAMPLES / "clean", "-o", f"json={report}", "-q").returncode, 1)
            path.write_text(json.dumps({**policy, "limits": {**policy["limits"], "mismatch_tokens": 1.0}}))
            self.assertEqual(run("report", report, "--policy", path).returncode, 0)
            done = run("verify", report)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            # What was accepted once may be so again, and no more.
            path.write_text(json.dumps({**policy, "limits": {**policy["limits"], "mismatch_tokens": 0.0, "mismatch_routes": 0.0}}))
            again = ("compare", EXAMPLES / "leaky", EXAMPLES / "clean", "--policy", path)
            self.assertEqual(run(*again).returncode, 1)
            accepted = pathlib.Path(folder) / "accepted.json"
            self.assertEqual(run(*again, "--baseline", report, "-q", "-o", f"json={accepted}").returncode, 0)
            self.assertEqual(run("verify", accepted).returncode, 0)
            less = json.loads(report.read_text())
            for finding in less["findings"] + less["dismissed"]:
                if finding["claim"] == "route-mismatch":
                    finding["amount"]["value"] *= 0.5
            (pathlib.Path(folder) / "less.json").write_text(json.dumps(less))
            self.assertEqual(run(*again, "--baseline", pathlib.Path(folder) / "less.json").returncode, 1)
            self.assertEqual(run(*again, "--baseline", path).returncode, 2)
            report.write_text(report.read_text().replace('"differing_tokens"', '"near_ties"', 1))
            self.assertEqual(run("verify", report).returncode, 1)

    def test_a_run_is_held_against_its_last_checkpoint(self):
        steps = [EXAMPLES / name for name in ("clean", "leaky", "clean", "clean")]
        done = run("compare", *steps, "-o", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        fixation = json.loads(done.stdout)
        two = compare(EXAMPLES / "leaky", EXAMPLES / "clean")
        self.assertEqual(len(fixation["steps"]), 3)
        for layer, kept, chance in zip(fixation["steps"][1]["layers"], figures(two, "routes_kept"), figures(two, "routes_by_chance")):
            self.assertEqual((layer["routes_kept"]["value"], layer["by_chance"]), (kept, chance))
            self.assertAlmostEqual(layer["above_chance"], (kept - chance) / (1 - chance))
        # The first agreed as well, but did not stay so.
        self.assertEqual([layer["above_chance"] for layer in fixation["steps"][0]["layers"]], [1.0, 1.0])
        self.assertEqual([layer["from"] for layer in fixation["settled"]], [str(steps[2])] * 2)
        never = json.loads(run("compare", *steps[1:2] * 2, steps[0], "-o", "json").stdout)
        self.assertEqual([layer["from"] for layer in never["settled"]], [str(steps[0])] * 2)
        self.assertIn("routes stay those of the end from", run("compare", *steps).stdout)

    def test_what_cannot_be_compared(self):
        self.assertEqual(run("compare", EXAMPLES / "clean", ROOT / "nothing").returncode, 2)
        self.assertEqual(run("compare", EXAMPLES / "clean").returncode, 4)
        self.assertEqual(run("compare", EXAMPLES / "clean", EXAMPLES / "leaky", "--batch", "x").returncode, 4)
        mixed = run("compare", EXAMPLES / "clean/0000.out.safetensors", EXAMPLES / "clean/0010.out.safetensors")
        self.assertEqual(mixed.returncode, 2)
        self.assertIn("compare runs of the same", mixed.stderr)


if __name__ == "__main__":
    unittest.main()

"""pastonly lab: completes, resumes after a kill, and says the same either way."""

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import jsonschema

from program import BINARY, ROOT, run

sys.path.insert(0, str(ROOT / "audits/experiments"))
import over_seeds  # noqa: E402

EXPERIMENT = {
    "schema": "pastonly.experiment/1", "name": "small", "source": "uniform:16",
    "batch": {"sequences": 4, "positions": 32}, "evaluation": {"batches": 4, "streaming_batches": 1},
    "model": {"layers": 2, "width": 32, "heads": 2, "kv_heads": 2, "head_width": 16, "experts": 4, "expert_width": 16},
    "training": {"steps": 400},
    "arms": [{"name": "chunk {chunk}", "rule": "expert-choice,k=1,chunk={chunk}", "sweep": {"chunk": [4, 8]}},
             {"name": "causal", "rule": "top-k,k=1"}],
}


class Lab(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = self.folder / "small.json"
        self.path.write_text(json.dumps(EXPERIMENT))

    def report(self, out, *arguments, expect=0):
        path = self.folder / "report.json"
        done = run("lab", self.path, "--out", self.folder / out, "-o", f"json={path}", "--quiet", *arguments)
        self.assertEqual(done.returncode, expect, done.stderr)
        return json.loads(path.read_text())

    @staticmethod
    def timeless(report):
        for arm in report["experiment"]["arms"]:
            for check in arm["checks"]:
                check.pop("seconds")
        return report["experiment"]

    def test_killed_at_any_moment_it_resumes_to_the_same_result(self):
        long = dict(EXPERIMENT, training={"steps": 3000})
        self.path.write_text(json.dumps(long))
        whole = self.timeless(self.report("whole"))
        command = [BINARY, "lab", str(self.path), "--out", str(self.folder / "cut"), "--quiet", "--threads", "1", "--no-checks"]
        kills = 0
        for attempt in range(12):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
            try:
                process.wait(timeout=0.15 * (attempt + 1))
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL if attempt % 2 else signal.SIGINT)
                code = process.wait(timeout=60)
                self.assertIn(code, (-signal.SIGKILL, 130, 0))
                kills += 1
        self.assertGreater(kills, 0)
        self.assertEqual(self.timeless(self.report("cut", "--threads", "2")), whole)

    def test_the_report_is_valid_and_text_holds_the_arms(self):
        schema = json.loads((ROOT / "docs/report.schema.json").read_text())
        report = self.report("out")
        errors = [e.message[:200] for e in jsonschema.Draft202012Validator(schema).iter_errors(report)]
        self.assertEqual(errors, [])
        self.assertEqual(report["experiment"]["source"]["floor_bits"], 4.0)
        self.assertEqual([arm["name"] for arm in report["experiment"]["arms"]], ["chunk 4", "chunk 8", "causal"])
        text = run("lab", self.path, "--out", self.folder / "out").stdout
        for arm in report["experiment"]["arms"]:
            self.assertIn(arm["name"], text)
            self.assertEqual(len(arm["curve"]), 50)
        again = run("report", self.folder / "report.json", "-o", "json")
        self.assertEqual(json.loads(again.stdout)["experiment"], report["experiment"])

    def test_checks_find_the_leak_and_name_the_arm(self):
        report = self.report("out")
        flips = [f for f in report["findings"] if f["check"] == "causal-mask" and f["severity"] == "error"]
        self.assertTrue(any("arm 'chunk 4'" in f["message"] for f in flips))
        self.assertFalse(any("arm 'causal'" in f["message"] for f in report["findings"] if f["severity"] == "error"))
        for arm in report["experiment"]["arms"]:
            self.assertIn("ran", {c["status"] for c in arm["checks"] if c["id"] == "causal-mask"})

    def test_what_is_kept_is_not_checked_again(self):
        first = self.report("out")
        again = self.report("out")
        self.assertEqual(again["experiment"], first["experiment"])  # times of checks included
        self.assertEqual(again["findings"], first["findings"])
        kept = sorted((self.folder / "out").glob("*/audit-*.json"))
        self.assertEqual(len(kept), 3)
        kept[0].write_text(kept[0].read_text()[:500])
        mended = self.report("out")
        self.assertEqual(self.timeless(mended), self.timeless(first))

    def test_the_leak_table_is_made_of_reports(self):
        report = self.report("out")
        path = self.folder / "report.json"
        script = ROOT / "audits/experiments/leak-table"
        done = subprocess.run([script, path, path], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [line for line in done.stdout.splitlines() if line.startswith("| [")]
        self.assertEqual(len(rows), 3 + 3 + 2)  # arms by leak, arms by axis, rules
        leaky = report["experiment"]["arms"][0]
        self.assertIn(f"{leaky['leak_bits']:+.3f}", rows[0])
        self.assertIn(" | 0 | ", rows[2])

    def test_only_the_named_checks_run(self):
        report = self.report("out", "--check", "causal-mask", "--check", "load-balance")
        for arm in report["experiment"]["arms"]:
            self.assertEqual([c["id"] for c in arm["checks"]], ["causal-mask", "load-balance"])
        again = self.report("out", "--check", "load-balance")  # what is kept of other checks is not mixed in
        self.assertEqual([c["id"] for c in again["experiment"]["arms"][0]["checks"]], ["load-balance"])
        verify = run("verify", self.folder / "report.json", "--quiet", env={"XDG_CACHE_HOME": str(self.folder / "cache")})
        self.assertEqual(verify.returncode, 0, verify.stdout)
        for wrong in (["--check", "causal"], ["--check", "causal-mask", "--no-checks"]):
            self.assertEqual(run("lab", self.path, *wrong).returncode, 4)

    def test_what_routers_learned_is_reported(self):
        report = self.report("out", "--no-checks")
        for arm in report["experiment"]["arms"]:
            routers = arm["routers"]
            self.assertEqual([p["step"] for p in routers["training"]], list(range(0, 401, 8)))
            self.assertEqual([layer["layer"] for layer in routers["fixation"]], [0, 1])
            for layer in routers["fixation"]:
                self.assertEqual(layer["agreement"][-1], [400, 1.0])
                late = [agreement for step, agreement in layer["agreement"] if step >= layer["settled"]]
                self.assertGreaterEqual(min(late), 0.9)
            self.assertEqual(len(routers["frozen"]), 2)
            # A loss that is not trained is measured all the same.
            self.assertGreater(routers["training"][0]["coupling"], 0)
        text = run("report", self.folder / "report.json").stdout
        self.assertIn("settled", text)

    def test_the_tables_are_made_of_reports(self):
        self.path.write_text(json.dumps(dict(EXPERIMENT, name="depth")))
        report = self.report("out", "--check", "causal-mask")
        page, path = self.folder / "page.md", self.folder / "report.json"
        page.write_text("# Before\n<!-- depth -->old<!-- /depth -->\nafter\n")
        fill = lambda: subprocess.run([ROOT / "audits/experiments/tables", "--page", page, f"{path}:3"],
                                      capture_output=True, text=True)
        done = fill()
        self.assertEqual(done.returncode, 0, done.stderr)
        text = page.read_text()
        self.assertTrue(text.startswith("# Before\n<!-- depth -->\n"))
        self.assertTrue(text.endswith("<!-- /depth -->\nafter\n"))
        self.assertNotIn("old", text)
        self.assertIn("    pastonly lab audits/experiments/depth.json --check causal-mask\n", text)
        self.assertIn("3 minutes of processor time", text)
        leaky = report["experiment"]["arms"][0]
        self.assertIn(f"| chunk 4 | {leaky['loss_bits']:.3f} | {leaky['leak_bits']:+.3f} |", text)
        self.assertEqual(fill().returncode, 0)
        self.assertEqual(page.read_text(), text)
        report["experiment"]["name"] = "small"
        path.write_text(json.dumps(report))
        self.assertIn("no tables are known", fill().stderr)

    def test_tables_give_means_and_intervals_over_seeds(self):
        # Mean 2, standard deviation 1, three values: 4.303 / sqrt(3).
        self.assertEqual(over_seeds.words([1.0, 2.0, 3.0]), "2.000 ± 2.484")
        self.assertEqual(over_seeds.words([0.5]), "0.500")
        self.assertEqual(over_seeds.words([None, -1.0, -1.0], 2, sign=True), "-1.00 ± 0.00")
        arm = lambda seed, bits: {"seed": seed, "loss_bits": bits}
        one = over_seeds.Group("a", [arm(2, 3.5), arm(1, 3.0), arm(3, 9.0)])
        two = over_seeds.Group("b", [arm(1, 2.0), arm(2, 2.0)])
        self.assertEqual(one.less(two, lambda arm: arm["loss_bits"]), [1.0, 1.5])

    def test_verify_trains_again(self):
        report = self.report("out")
        verify = lambda: run("verify", self.folder / "report.json", "--quiet", env={"XDG_CACHE_HOME": str(self.folder / "cache")})
        done = verify()
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("holds          arm causal, checks", done.stdout)
        self.assertEqual(list((self.folder / "cache/pastonly/verify").iterdir()), [])
        done = run("verify", self.folder / "report.json", env={"XDG_CACHE_HOME": "", "HOME": ""})
        self.assertEqual(done.returncode, 4)
        self.assertIn("XDG_CACHE_HOME", done.stderr)
        lies = (lambda arms: arms[0].update(loss_bits=arms[0]["loss_bits"] - 0.01), "arm chunk 4: loss_bits"), \
               (lambda arms: arms[1]["checks"][0]["measurements"][0].update(value=7), "arm chunk 8, checks: "), \
               (lambda arms: arms[2].update(weights="0" * 64), "arm causal: weights"), \
               (lambda arms: arms.pop(), "the report lists 2")
        for lie, named in lies:
            told = json.loads(json.dumps(report))
            lie(told["experiment"]["arms"])
            (self.folder / "report.json").write_text(json.dumps(told))
            done = verify()
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(named, done.stdout)

    def test_a_policy_decides_the_exit_code(self):
        self.assertEqual(self.report("out")["verdict"], "fail")
        self.report("out", "--policy", "ci", expect=1)

    def test_wrong_experiments_exit_4(self):
        for damage in ({"arms": []}, {"modle": {}}, {"source": "zipf:4"}, {"name": "../up"}, {"name": ".."}, {"name": ""}, {"name": "a/b"}):
            self.path.write_text(json.dumps({**EXPERIMENT, **damage}))
            done = run("lab", self.path, "--out", self.folder / "out")
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("small.json", done.stderr)
        self.assertEqual(run("lab", self.folder / "none.json").returncode, 4)
        self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    unittest.main()

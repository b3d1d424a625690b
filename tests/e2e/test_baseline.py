"""What was accepted once does not fail again, and nothing else passes with it."""

import json
import pathlib
import tempfile
import unittest

import jsonschema

from made_plan import MadePlan, causal, whole_row
from program import ROOT, audit, run

EXAMPLES = ROOT / "audits/examples"
LEAKY, CLEAN = EXAMPLES / "leaky", EXAMPLES / "clean"
SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text())


class Baseline(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.base = self.path / "base.json"
        done = run("audit", LEAKY, "-q", "--write-baseline", self.base)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("6 findings to be accepted", done.stderr)
        self.assertTrue(done.stdout.startswith("FAIL"))  # what is accepted is shown, and called what it is

    def changed(self, change, name="changed.json"):
        report = json.loads(self.base.read_text())
        change(report)
        path = self.path / name
        path.write_text(json.dumps(report))
        return path

    def judged(self, baseline, *more, subject=LEAKY, expect=0):
        report = audit(subject, "--baseline", baseline, *more, expect=expect)
        self.assertEqual([e.message[:200] for e in jsonschema.Draft202012Validator(SCHEMA).iter_errors(report)], [])
        return report

    def test_what_was_found_is_accepted(self):
        report = self.judged(self.base)
        self.assertEqual(report["verdict"], "pass")
        self.assertIn("6 findings are as in the baseline", report["verdict_reasons"][0])
        self.assertEqual({f["baseline"]["state"] for f in report["findings"]}, {"accepted"})
        self.assertEqual({e["state"] for e in report["baseline"]["entries"]}, {"found"})
        plain = audit(LEAKY, expect=1)
        for part in ("checks", "layers", "dismissed", "not_assessed", "totals", "detection_limit"):
            for one in (report, plain):
                for check in one["checks"]:
                    check["seconds"] = 0
            self.assertEqual(report[part], plain[part], part)

    def test_what_is_new_fails(self):
        clean = self.path / "clean.json"
        self.assertEqual(run("audit", CLEAN, "-q", "--write-baseline", clean).returncode, 0)
        report = self.judged(clean, expect=1)
        self.assertEqual({f["baseline"]["state"] for f in report["findings"]}, {"new"})
        # One of several: the others stay accepted.
        without = self.changed(lambda r: r["findings"].pop(0))
        report = self.judged(without, expect=1)
        self.assertEqual([f["check"] for f in report["findings"] if f["baseline"]["state"] == "new"], ["causal-mask"])
        self.assertEqual(len(report["verdict_reasons"]), 1)

    def test_what_is_gone_is_told(self):
        report = self.judged(self.base, subject=CLEAN)
        self.assertEqual([e["state"] for e in report["baseline"]["entries"]], ["gone"] * 6)
        self.assertEqual(report["verdict_reasons"], [])
        self.assertIn("6 findings of the baseline are gone: write it anew",
                      " ".join(run("audit", CLEAN, "--baseline", self.base).stdout.split()))
        # A check that did not run says nothing of what it found before.
        part = self.judged(self.base, "--check", "causal-mask")
        self.assertEqual({e["check"]: e["state"] for e in part["baseline"]["entries"]}["rule-identification"], "not assessed")

    def test_worse_is_beyond_the_interval(self):
        def scale(factor, samples=1):
            def change(report):
                for check in report["checks"]:
                    for m in check["measurements"]:
                        if check["id"] == "causal-mask" and m["name"] == "flip_rate_decisions":
                            m.update({k: m[k] * factor for k in ("value", "lower", "upper")}, samples=int(m["samples"] * samples))
            return change
        # Lower end now: 2.17% and so on; upper end then 3.86%.
        self.judged(self.changed(scale(0.8)))          # within what chance explains
        report = self.judged(self.changed(scale(0.3)), expect=1)
        worse = [f for f in report["findings"] if f["baseline"]["state"] == "worse"]
        self.assertEqual([f["claim"] for f in worse], ["flip"])
        self.assertIn("flip_rate_decisions of layer 0", worse[0]["baseline"]["why"])
        # A smaller audit does not show that nothing grew.
        report = self.judged(self.changed(scale(1, 3)), expect=1)
        self.assertIn("too few to say", str(report["findings"]))

    def test_a_chain_of_reports_accepts_no_growth(self):
        def lower_then(report):
            for check in report["checks"]:
                for m in check["measurements"]:
                    if check["id"] == "causal-mask" and m["name"] == "flip_rate_decisions":
                        m.update(value=m["value"] * 0.8, lower=m["lower"] * 0.8, upper=m["upper"] * 0.7)
        first = self.changed(lower_then)
        second = self.path / "second.json"
        self.assertEqual(run("audit", LEAKY, "-q", "--baseline", first, "-o", f"json={second}").returncode, 0)
        third = self.judged(second)
        wanted = [e["figures"] for e in json.loads(second.read_text())["baseline"]["entries"]]
        self.assertEqual([e["figures"] for e in third["baseline"]["entries"]], wanted)
        self.assertNotEqual(wanted[0][0]["value"], json.loads(second.read_text())["checks"][3]["measurements"][0]["value"])

    def test_severity(self):
        def down(report):
            report["findings"][0]["severity"] = "warning"
        report = self.judged(self.changed(down), expect=1)
        self.assertIn("its severity was warning, and is error", str(report["findings"]))

    def test_it_hides_nothing_that_is_open(self):
        few = self.path / "few.json"
        few.write_text(json.dumps({"schema": "pastonly.policy/1", "min_tokens": 1000000}))
        report = self.judged(self.base, "--policy", few, expect=3)
        self.assertEqual(report["verdict"], "inconclusive")
        self.assertNotIn("as in the baseline", " ".join(report["verdict_reasons"]))
        few.write_text(json.dumps({"schema": "pastonly.policy/1", "limits": {"trial_rate": 0.01}}))
        report = self.judged(self.base, "--policy", few, expect=3)
        self.assertIn("12 trials", " ".join(report["verdict_reasons"]))

    def test_what_the_policy_ignores_stays_the_policys(self):
        policy = self.path / "policy.json"
        ignore = {"check": "causal-mask", "reason": "known", "expires": "9999-12-31"}
        policy.write_text(json.dumps({"schema": "pastonly.policy/1", "ignore": [ignore]}))
        self.assertEqual(run("audit", LEAKY, "-q", "--policy", policy, "--write-baseline", self.base).returncode, 0)
        report = self.judged(self.base, expect=1)
        self.assertEqual([f["check"] for f in report["findings"] if f["baseline"]["state"] == "new"], ["causal-mask"])

    def test_verify_with_and_without_the_file(self):
        report = self.path / "report.json"
        self.assertEqual(run("audit", LEAKY, "-q", "--baseline", self.base, "-o", f"json={report}").returncode, 0)
        done = run("verify", report)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(f"holds          baseline {self.base}\n", done.stdout)
        forged = json.loads(report.read_text())
        forged["baseline"]["entries"][0]["figures"][0]["upper"] = 0.9
        (self.path / "forged.json").write_text(json.dumps(forged))
        self.assertIn("does not hold  baseline", run("verify", self.path / "forged.json").stdout)
        text = self.base.read_text()
        self.base.write_text(text.replace('"ci"', '"cj"'))
        self.assertIn("another by now", run("verify", report).stdout)
        self.base.unlink()
        done = run("verify", report)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("not at hand", done.stdout)
        forged = json.loads(report.read_text())
        forged["findings"][0]["baseline"]["state"] = "new"
        report.write_text(json.dumps(forged))
        self.assertEqual(run("verify", report).returncode, 1)

    def test_other_formats(self):
        sarif, junit, other = self.path / "a.sarif", self.path / "a.xml", self.changed(lambda r: r["findings"].pop(0))
        run("audit", LEAKY, "-q", "--baseline", other, "-o", f"sarif={sarif}", "-o", f"junit={junit}", "-o",
            f"html={self.path / 'a.html'}", "-o", f"markdown={self.path / 'a.md'}")
        results = json.loads(sarif.read_text())["runs"][0]["results"]
        self.assertEqual({(r["baselineState"], "suppressions" in r) for r in results}, {("new", False), ("unchanged", True)})
        self.assertIn("(accepted)", junit.read_text())
        for name in ("a.html", "a.md"):
            text = (self.path / name).read_text()
            self.assertIn("As in the baseline, and accepted.", text)
            self.assertIn("New: the baseline does not have it.", text)

    def test_judged_again_it_keeps_its_baseline(self):
        report = self.path / "report.json"
        run("audit", LEAKY, "-q", "--baseline", self.base, "-o", f"json={report}")
        self.assertEqual(run("report", report).returncode, 0)
        policy = self.path / "policy.json"
        policy.write_text(json.dumps({"schema": "pastonly.policy/1", "severity": {"length-invariance": "error"}}))
        self.assertEqual(run("report", report, "--policy", policy).returncode, 1)

    def test_several_recordings(self):
        for mode, model in (("train", whole_row), ("eval", causal)):
            plan = MadePlan(self.path / mode, model, positions=300, mode=mode)
            plan.suffixes([19, 36, 47, 53, 131, 200])
            plan.batch()
            plan.write()
        both, path = (self.path / "train", self.path / "eval"), self.path / "both.json"
        self.assertEqual(run("audit", *both, "-q", "--write-baseline", path).returncode, 0)
        done = run("audit", *reversed(both), "-q", "--baseline", path, "-o", f"json={self.path / 'r.json'}")
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads((self.path / "r.json").read_text())
        self.assertTrue(report["beside"][0]["findings"])
        self.assertEqual(run("verify", self.path / "r.json").returncode, 0)
        # A leak in a mode that the baseline does not know is new, and the baseline is called unfit.
        alone = self.path / "alone.json"
        self.assertEqual(run("audit", both[1], "-q", "--write-baseline", alone).returncode, 0)
        self.assertEqual(run("audit", both[0], "-q", "--baseline", alone).returncode, 1)
        self.assertIn("the baseline has mode eval, this report train", " ".join(run("audit", both[0], "--baseline", alone).stdout.split()))
        self.assertEqual(run("audit", both[1], "-q", "--baseline", self.path / "both.json").returncode, 0)

    def test_what_does_not_fit(self):
        # Another model: no finding fails, and still there is no pass.
        def other(report):
            report["layers"][1]["experts"] = 16
        path = self.changed(other)
        done = run("audit", CLEAN, "--baseline", path)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("experts in layer 1: 16, this report 8", " ".join(done.stdout.split()))
        self.assertEqual(run("audit", LEAKY, "--baseline", path).returncode, 1)

    def test_wrong_files(self):
        compared = self.path / "compared.json"
        run("compare", LEAKY, CLEAN, "-q", "-o", f"json={compared}")
        lint = self.path / "lint.json"
        (self.path / "c.yaml").write_text("moe_router_load_balancing_type: sinkhorn\n")
        run("lint", self.path / "c.yaml", "-o", f"json={lint}")
        empty, cut, deep = self.path / "empty", self.path / "cut.json", self.path / "deep.json"
        empty.write_text("")
        cut.write_text(self.base.read_text()[:5000])
        deep.write_text("[" * 100000)
        many = self.changed(lambda r: r.update(findings=r["findings"][:1] * 10001), "many.json")
        accepted = self.path / "accepted.json"
        run("audit", LEAKY, "-q", "--baseline", self.base, "-o", f"json={accepted}")

        def broken(change, name):
            report = json.loads(accepted.read_text())
            change(report["baseline"])
            (self.path / name).write_text(json.dumps(report))
            return self.path / name
        for path, code, words in (
                (compared, 4, "is a report of pastonly compare, not of audit"), (lint, 2, "is a report of pastonly lint"),
                (empty, 2, "empty"), (cut, 2, "cut.json"), (deep, 2, "deep.json"), (self.path / "none", 2, "No such file"),
                (self.path, 2, str(self.path)), (LEAKY / "plan.json", 2, "pastonly.report/1"), (many, 2, "more than the 10000"),
                ("", 4, "--baseline"), (ROOT / "README.md", 2, "README.md"),
                (broken(lambda b: b.update(entries=3), "b1.json"), 2, "baseline.entries"),
                (broken(lambda b: b["entries"][0].update(rules=[]), "b2.json"), 2, "baseline.entries[0].rules"),
                (broken(lambda b: b["entries"][0].update(severity="fatal"), "b3.json"), 2, "baseline.entries[0].severity"),
                (broken(lambda b: b["entries"][0].update(state="?"), "b4.json"), 2, "baseline.entries[0].state"),
                (broken(lambda b: b.pop("sha256"), "b5.json"), 2, "baseline.sha256")):
            with self.subTest(path=path):
                done = run("audit", LEAKY, "--baseline", path)
                self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
                self.assertIn(words, done.stderr)
        self.assertEqual(run("compare", LEAKY, CLEAN, "--baseline", self.base).returncode, 4)
        self.assertEqual(run("compare", LEAKY, CLEAN, CLEAN, "--baseline", compared).returncode, 4)
        self.assertEqual(run("audit", LEAKY, "--baseline", self.base, "--write-baseline", self.path / "x").returncode, 4)
        self.assertEqual(run("audit", LEAKY, "--write-baseline", self.path / "no" / "x").returncode, 4)
        done = run("audit", LEAKY, "--baseline", self.base, "-o", f"json={self.base}")
        self.assertIn("is read by this audit", done.stderr)

    def test_ignored_by_fingerprint(self):
        flip = next(f for f in json.loads(self.base.read_text())["findings"] if f["check"] == "causal-mask")
        policy = self.path / "policy.json"
        until = {"reason": "known", "expires": "9999-12-31"}

        def judged(**ignore):
            policy.write_text(json.dumps({"schema": "pastonly.policy/1", "ignore": [{**ignore, **until}]}))
            done = run("audit", LEAKY, "-q", "--policy", policy, "-o", "json")
            return {f["check"] for f in json.loads(done.stdout)["findings"] if f["suppressed"]} if done.stdout else done
        self.assertEqual(judged(fingerprint=flip["fingerprint"]), {"causal-mask"})
        self.assertEqual(judged(fingerprint=flip["fingerprint"], check="causal-mask/flip"), {"causal-mask"})
        self.assertEqual(judged(fingerprint=flip["fingerprint"], check="rule-identification"), set())
        self.assertEqual(judged(fingerprint="0" * 16), set())
        for wrong in ({"fingerprint": "xyz"}, {"fingerprint": ""}, {"fingerprint": "FB26F42CF2836ADD"}, {"fingerprint": 3}, {}):
            self.assertEqual(judged(**wrong).returncode, 4, wrong)


class Diff(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        for subject in (LEAKY, CLEAN):
            (self.path / f"{subject.name}.json").write_text(json.dumps(audit(subject)))
        self.leaky, self.clean = self.path / "leaky.json", self.path / "clean.json"

    def test_both_ways(self):
        done = run("report", "--diff", self.clean, self.leaky)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("6 findings only in B, 0 worse in B, 0 only in A, 0 in both. 25 of 49 and 49 files are the same.",
                      " ".join(done.stdout.split()))
        self.assertIn("Layers", done.stdout)
        done = run("report", self.leaky, "--diff", self.leaky)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(done.stdout.splitlines()), 5)  # nothing but the two and the sum
        back = run("report", "--diff", self.leaky, self.clean)
        self.assertEqual(back.returncode, 0)
        self.assertIn("Only in A", back.stdout)
        self.assertIn("### Only in A", run("report", "--diff", self.leaky, self.clean, "-o", "markdown").stdout)

    def test_json(self):
        made = json.loads(run("report", "--diff", self.clean, self.leaky, "-o", "json").stdout)
        self.assertEqual(made["schema"], "pastonly.diff/1")
        self.assertEqual((made["a"]["verdict"], made["b"]["verdict"], made["exit_code"]), ("pass", "fail", 1))
        self.assertEqual((len(made["new"]), made["worse"], made["gone"], made["in_both"]), (6, [], [], []))

    def test_figures_that_changed(self):
        report = json.loads(self.leaky.read_text())
        for check in report["checks"]:
            for m in check["measurements"]:
                if check["id"] == "causal-mask" and m["name"] == "flip_rate_decisions":
                    m.update({k: m[k] * 1.1 for k in ("value", "lower", "upper")})
        more = self.path / "more.json"
        more.write_text(json.dumps(report))
        done = run("report", "--diff", self.leaky, more)
        self.assertEqual(done.returncode, 0)
        self.assertIn("In both, with other figures", done.stdout)
        self.assertIn("flip_rate_decisions of layer 0", done.stdout)

    def test_less_assessed_is_no_pass(self):
        part = self.path / "part.json"
        part.write_text(json.dumps(audit(LEAKY, "--check", "causal-mask")))
        done = run("report", "--diff", self.leaky, part)
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("In A, and not assessed in B", done.stdout)
        self.assertEqual(run("report", "--diff", part, self.leaky).returncode, 1)

    def test_what_cannot_be_shown(self):
        other = json.loads(self.clean.read_text())
        other["subject"]["mode"] = "eval"
        (self.path / "eval.json").write_text(json.dumps(other))
        for arguments, code in (((self.leaky,), 4), ((self.leaky, self.path / "none"), 2), ((self.leaky, self.clean, "-o", "html"), 4),
                                ((self.leaky, self.clean, "-o", "json=x"), 4), ((self.leaky, self.clean, "--policy", "ci"), 4),
                                ((self.leaky, self.clean, self.clean), 4), ((self.leaky, self.path / "eval.json"), 2),
                                ((self.leaky, LEAKY / "plan.json"), 2)):
            with self.subTest(arguments=arguments):
                done = run("report", "--diff", *arguments)
                self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        self.assertEqual(run("report", self.leaky, self.clean).returncode, 4)


if __name__ == "__main__":
    unittest.main()

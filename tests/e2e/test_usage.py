"""Wrong usage, broken inputs and incomplete recordings: each has one defined answer."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from program import BINARY, COMMANDS, ROOT, audit, findings, run

CLEAN = ROOT / "audits/examples/clean"
LEAKY = ROOT / "audits/examples/leaky"


class Temporary(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def refused(self, code, *arguments):
        """Exit code, one clear line on stderr, nothing on stdout."""
        done = run(*arguments)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stderr}")
        self.assertEqual(done.stdout, "", arguments)
        lines = done.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("pastonly: "), lines)
        return lines[0]


class Usage(Temporary):
    def test_an_empty_policy(self):
        done = run("audit", CLEAN, "--policy", "")
        self.assertEqual(done.returncode, 4)
        self.assertIn("pastonly: no policy is named", done.stderr)

    def test_bad_usage_exits_4_with_one_line(self):
        for arguments in ([], ["frobnicate"], ["audit"], ["audit", CLEAN, "--frobnicate"], ["report", CLEAN, "extra"],
                          ["audit", CLEAN, "--threads", "many"], ["audit", CLEAN, "--seed", "-1"],
                          ["audit", CLEAN, "--color", "pink"], ["audit", CLEAN, "--mode", "dream"],
                          ["audit", CLEAN, "--source", "zipf:3"], ["audit", CLEAN, "--map", "scores"],
                          ["audit", CLEAN, "--map", "scores=absent"], ["audit", CLEAN, "--top-k", "2"],
                          ["audit", CLEAN, "-o", "pdf"], ["audit", CLEAN, "-o", "json", "-o", "text"],
                          ["audit", CLEAN, "-o", "json="], ["explain"], ["report"], ["verify"]):
            with self.subTest(arguments=arguments):
                self.refused(4, *arguments)

    def test_a_subject_or_logs_and_not_both(self):
        log = self.folder / "log.csv"
        log.write_text("step,loss\n1,2\n2,1\n")
        self.assertIn("not both", self.refused(4, "audit", CLEAN, "--log", f"causal:{log}"))
        self.assertIn("1 training log of 1 arm", run("audit", "--log", f"causal:{log}").stdout)

    def test_misspelt_names_are_answered_with_the_nearest(self):
        self.assertIn("causal-mask", self.refused(4, "audit", CLEAN, "--check", "casual-mask"))
        self.assertIn("expert-choice", self.refused(4, "explain", "expert-chioce"))
        self.assertIn("load-balance", self.refused(4, "explain", "load-balanc"))
        self.assertIn("there are trace-integrity, ", self.refused(4, "audit", CLEAN, "--check", "everything"))

    def test_rules_and_findings_are_explained_as_reports_write_them(self):
        for text, name in (("expert-choice,k=2,chunk=8", "expert-choice"), ("causal-mask/flip", "causal-mask"),
                           ("biased-top-k(same-batch),k=2", "biased-top-k(same-batch)")):
            self.assertEqual(run("explain", text).stdout, run("explain", name).stdout)
            self.assertTrue(run("explain", text).stdout.startswith(f"{name} - "))

    def test_explained_rules_take_their_parameters(self):
        self.assertEqual(run("explain", "expert-choice,chunk=512").returncode, 0)
        for text, part in (("rank-capacity,ranks=0", "'ranks' must be a whole number of at least 1"),
                           ("top-k,k=2,k=3", "'k' is given twice"), ("expert-choice,k=nan", "'k' must be"),
                           ("top-k,kk=2", "unknown parameter 'kk'"), ("top-k,k=2]", "'k' must be"), ("top-k,", "KEY=VALUE"),
                           ("causal-mask,k=2", "takes no parameters"), ("causal-mask/flipp", "no finding"),
                           ("top-k/flip", "has no findings")):
            with self.subTest(text=text):
                self.assertIn(part, self.refused(4, "explain", text))

    def test_options_that_nothing_would_heed(self):
        log = self.folder / "log.csv"
        log.write_text("step,loss\n1,2\n2,1\n")
        for option in (["--check", "causal-mask"], ["--source", "uniform:64"], ["--mode", "train"], ["--top-k", "2"],
                       ["--rule", "top-k,k=2"], ["--batch", "4"]):
            self.assertIn(option[0], self.refused(4, "audit", "--log", f"causal:{log}", *option))
        self.assertIn("--unit", self.refused(4, "audit", CLEAN, "--unit", "bits"))
        self.assertIn("--experts 3", self.refused(4, "audit", CLEAN, "--experts", "3"))
        for source in ("markov:vocab=64,vocab=64", ""):
            self.assertIn("source", self.refused(4, "audit", CLEAN, "--source", source))

    def test_policies(self):
        def policy(text):
            path = self.folder / "policy.json"
            path.write_text(text)
            return self.refused(4, "audit", CLEAN, "--policy", path)

        self.assertIn("fail_onn", policy('{"schema": "pastonly.policy/1", "fail_onn": "error"}'))
        self.assertIn("no-such-check", policy('{"schema": "pastonly.policy/1", "require": ["no-such-check"]}'))
        self.assertIn("2020-01-31", policy('{"schema": "pastonly.policy/1", "ignore": [{"check": "causal-mask", '
                                           '"reason": "old", "expires": "2020-01-31"}]}'))
        policy('{"schema": "pastonly.policy/1", "ignore": [{"check": "causal-mask"}]}')
        policy('{"schema": "pastonly.policy/1"')
        self.refused(4, "audit", CLEAN, "--policy", "no-such-policy")

    def test_an_ignore_hides_a_finding_and_keeps_it(self):
        path = self.folder / "policy.json"
        ignores = [{"check": check, "reason": "known", "expires": "9999-12-31"}
                   for check in ("causal-mask", "rule-identification", "future-information", "future-decoding")]
        path.write_text(json.dumps({"schema": "pastonly.policy/1", "ignore": ignores}))
        report = audit(LEAKY, "--policy", path)
        self.assertNotEqual(report["verdict"], "fail")
        self.assertIn("known", {f["suppressed"] for f in report["findings"]})

    def test_a_policy_that_mutes_everything_is_said(self):
        policy, path = self.folder / "policy.json", self.folder / "report.json"
        muted = ("causal-mask", "rule-identification", "future-information", "future-decoding", "gate-separation",
                 "batch-isolation", "order-invariance", "trace-integrity", "leakage-bound")
        policy.write_text(json.dumps({"schema": "pastonly.policy/1", "fail_on": "never", "require": [], "min_tokens": 1,
                                      "limits": {"trial_rate": 0.999}, "severity": {check: "none" for check in muted}}))
        done = run("audit", LEAKY, "--policy", policy, "-o", "text", "-o", f"json={path}", "-q")
        self.assertNotEqual(done.returncode, 1)
        self.assertNotIn("never changed an earlier decision", done.stdout)
        self.assertIn("causal-mask/flip", done.stdout)
        report = json.loads(path.read_text())
        for name, holds in ((str(policy), True), ("ci ", False), ("CI", False), ("c\u200bi", False), ("release\n", False)):
            report["policy"]["name"] = name
            path.write_text(json.dumps(report))
            rows = [row for row in run("verify", path, "-q").stdout.splitlines() if "policy " in row]
            self.assertEqual([row.startswith("holds") for row in rows], [holds], rows)

    def test_unwritable_output_fails_before_the_work(self):
        for path in ("/no/such/folder/report.json", self.folder):
            message = self.refused(4, "audit", "/no/such/subject", "-o", f"json={path}")
            self.assertIn(str(path), message)

    def test_outputs_replace_neither_each_other_nor_what_is_read(self):
        plan = self.folder / "plan"
        shutil.copytree(CLEAN, plan)
        trace = self.folder / "trace.safetensors"
        shutil.copy(CLEAN / "0000.out.safetensors", trace)
        os.link(trace, self.folder / "hard")
        (self.folder / "soft").symlink_to(trace)
        policy = self.folder / "policy.json"
        policy.write_text('{"schema": "pastonly.policy/1"}')
        before = {path: path.read_bytes() for path in (*plan.iterdir(), trace, policy)}
        for subject, target in ((trace, trace), (trace, self.folder / "hard"), (trace, self.folder / "soft"),
                                (trace, self.folder / "plan/../trace.safetensors"), (trace, policy),
                                (plan, plan / "plan.json"), (plan, plan / "0003.out.safetensors")):
            message = self.refused(4, "audit", subject, "--policy", policy, "-o", f"json={target}")
            self.assertIn("is read by this audit", message)
        twice = self.folder / "twice"
        message = self.refused(4, "audit", plan, "-o", f"json={twice}", "-o", f"text={self.folder}/plan/../twice")
        self.assertIn("already takes another report", message)
        self.assertEqual({path: path.read_bytes() for path in before}, before)
        self.assertEqual([p.name for p in self.folder.rglob("*.partial")], [])
        self.assertEqual(run("audit", plan, "-o", f"json={plan / 'report.json'}").returncode, 0)

    def test_help_and_version(self):
        self.assertEqual(run("--version").returncode, 0)
        self.assertIn("0 pass", run("--help").stdout)
        for command in COMMANDS:
            done = run(command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertEqual(done.stderr, "")


class Plan(Temporary):
    def test_a_plan_is_written_for_others_to_run(self):
        folder = self.folder / "plan"
        done = run("plan", folder, "--vocab", 50, "--batch", 4, "--positions", 24, "--special", "0,1")
        self.assertEqual(done.returncode, 0, done.stderr)
        plan = json.loads((folder / "plan.json").read_text())
        self.assertEqual(plan["model"], {"vocab": 50, "special": [0, 1]})
        kinds = [entry["kind"] for entry in plan["runs"]]
        repeats = [entry["id"] for entry in plan["runs"] if entry["kind"] == "repeat" and entry["base"] == 0]
        self.assertEqual({"base", "repeat", "redraw", "suffix", "batch", "order", "length"}, set(kinds))
        self.assertEqual((kinds[0], len(repeats), repeats[-1]), ("base", 4, len(kinds) - 1))
        self.assertLess(max(b - a for a, b in zip(repeats, repeats[1:])), len(kinds) // 3)  # spread among the others
        names = {f"{entry['id']:04}.in.safetensors" for entry in plan["runs"]}
        self.assertEqual({path.name for path in folder.iterdir()}, names | {"plan.json"})
        self.assertIn("token positions", done.stdout)
        # Equal seeds, equal plans; nothing is recorded yet.
        run("plan", self.folder / "again", "--vocab", 50, "--batch", 4, "--positions", 24, "--special", "0,1")
        for path in folder.iterdir():
            self.assertEqual(path.read_bytes(), (self.folder / "again" / path.name).read_bytes())
        done = run("audit", folder)
        self.assertIn(done.returncode, (2, 3), done.stderr)
        noisy = self.folder / "noisy"
        run("plan", noisy, "--vocab", 50, "--batch", 1, "--positions", 2, "--noisy", "--layout", "sequence-major")
        runs = json.loads((noisy / "plan.json").read_text())["runs"]
        self.assertEqual(sum(entry["kind"] == "repeat" and entry["base"] == 0 for entry in runs), 16)
        self.assertEqual(sum(entry["kind"] == "redraw" for entry in runs), 1)

    def test_wrong_plans(self):
        (self.folder / "full").mkdir()
        (self.folder / "full/file").touch()
        new = self.folder / "new"
        for arguments, expected in (((self.folder / "full", "--vocab", 9), "is not empty"), ((new,), "--vocab"),
                                    ((new, "--vocab", 1), "--vocab"), ((new, "--vocab", 9, "--special", "9"), "--special 9"),
                                    ((new, "--vocab", 9, "--positions", 1), "--positions"),
                                    ((new, "--vocab", 9, "--source", "uniform:10"), "the source has 10 tokens"),
                                    ((new, "--vocab", 9, "--tokens", "npy"), "FORMAT:FILE"),
                                    ((new, "--vocab", 9, "--limit", "0.00001"), "takes"),
                                    ((new, "--vocab", 9, "--layout", "rows"), "--layout")):
            self.assertIn(expected, self.refused(4, "plan", *arguments))
        self.assertFalse(new.exists())


class Inputs(Temporary):
    def plan(self, source=CLEAN):
        copy = self.folder / "plan"
        shutil.copytree(source, copy)
        return copy

    def test_absent_and_broken_subjects_exit_2(self):
        self.assertIn("/no/such/subject", self.refused(2, "audit", "/no/such/subject"))
        broken = self.folder / "broken.safetensors"
        broken.write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{nope}  ")
        self.assertIn("broken.safetensors", self.refused(2, "audit", broken))
        header = json.dumps({"layers.0.scores": {"dtype": "F32", "shape": [1] * 100000, "data_offsets": [0, 8]}}).encode()
        broken.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
        said = self.refused(2, "audit", broken)
        self.assertTrue(said.rstrip().endswith("..."))
        self.assertLess(len(said), 5000)
        empty = self.folder / "empty"
        empty.mkdir()
        said = self.refused(2, "audit", empty)
        self.assertIn("a plan is a directory that holds plan.json", said)
        self.assertIn("a checkpoint one that holds config.json", said)

    def declaring(self, rule):
        """A trace of the clean plan that declares a rule."""
        bytes_ = (CLEAN / "0000.out.safetensors").read_bytes()
        length = int.from_bytes(bytes_[:8], "little")
        header = json.loads(bytes_[8:8 + length])
        header["__metadata__"]["rule"] = rule
        text = json.dumps(header).encode()
        path = self.folder / "declaring.safetensors"
        path.write_bytes(len(text).to_bytes(8, "little") + text + bytes_[8 + length:])
        return path

    def test_a_declared_rule_that_cannot_be_read(self):
        for rule, part in (("top-k,k=2", "not JSON"), ('{"id": "top-k", "k": 0}', "'k' must be"),
                           ('{"id": "top-k", "k": 99}', "k = 99 is more than the 8 experts"),
                           ('{"id": "sequence-top-k", "k": 2, "padding": "maybe"}', "'padding' must be"),
                           ('{"id": "expert-choice", "k": 2, "scope": "document"}', "'separator' is missing")):
            with self.subTest(rule=rule):
                said = self.refused(2, "audit", self.declaring(rule))
                self.assertIn("declaring.safetensors: __metadata__ rule", said)
                self.assertIn(part, said)

    def test_a_declared_rule_that_nobody_knows_is_said(self):
        trace, path = self.declaring('"top-kk,k=2"'), self.folder / "report.json"
        done = run("audit", trace, "-o", "text", "-o", f"json={path}")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("no rule 'top-kk'; did you mean top-k?", " ".join(done.stdout.split()))
        self.assertEqual(run("verify", path).returncode, 0)

    def test_a_plan_that_says_another_model_than_its_traces(self):
        for model, part in (({"vocab": 63}, "'model.vocab' is 63"), ({"experts": 4}, "'model.experts' is 4"),
                            ({"layers": [0, 5]}, "'model.layers' names 0, 5"), ({"top_k": 3}, "'model.top_k' is 3"),
                            ({"special": [64]}, "'model.special' names token 64")):
            with self.subTest(model=model):
                plan = self.plan()
                data = json.loads((plan / "plan.json").read_text())
                (plan / "plan.json").write_text(json.dumps({**data, "model": model}))
                said = self.refused(2, "audit", plan)
                self.assertIn(f"{plan}/plan.json: {part}", said)
                self.assertIn("0000.out.safetensors", said)
                shutil.rmtree(plan)

    def test_a_plan_with_missing_outputs_is_inconclusive_and_lists_them(self):
        plan = self.plan()
        runs = json.loads((plan / "plan.json").read_text())["runs"]
        gone = [r["id"] for r in runs if r["kind"] == "suffix"][-1]
        (plan / f"{gone:04}.out.safetensors").unlink()
        report = audit(plan, expect=3)
        self.assertEqual(report["verdict"], "inconclusive")
        self.assertTrue(any("without output" in row["reason"] for row in report["not_assessed"]))

    def test_a_plan_that_contradicts_itself_never_passes(self):
        def edit(kind, **keys):
            plan = self.plan()
            data = json.loads((plan / "plan.json").read_text())
            next(r for r in data["runs"] if r["kind"] == kind).update(keys)
            (plan / "plan.json").write_text(json.dumps(data))
            report = audit(plan, expect=2)
            self.assertEqual(report["verdict"], "error")
            text = run("audit", plan).stdout
            self.assertLess(text.count("expected"), 4, text)  # said once, not once a check
            shutil.rmtree(plan)
            return report["verdict_reasons"][0]

        rows = 4
        self.assertIn("safetensors: token at row", edit("order", permutation=list(range(rows))))
        self.assertIn("0000.out.safetensors", edit("batch", keep=list(range(rows))))

    def test_a_plan_without_a_base_output_cannot_be_audited(self):
        plan = self.plan()
        (plan / "0000.out.safetensors").unlink()
        self.assertIn(run("audit", plan).returncode, (2, 3))

    def test_pipes_and_devices_are_refused_at_once(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        for path in (pipe, "/dev/zero", self.folder):
            self.assertIn("is not a regular file", self.refused(2, "verify", path))
            self.assertIn("is not a regular file", self.refused(2, "report", path))
        self.assertIn("is not a regular file", self.refused(2, "audit", pipe))
        plan = self.plan()
        (plan / "0003.out.safetensors").unlink()
        os.mkfifo(plan / "0003.out.safetensors")
        done = run("audit", plan, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("0003.out.safetensors: is not a regular file", done.stdout + done.stderr)

    def test_names_do_not_act_on_the_terminal(self):
        name = "trace\x1b[31m\x07\u202e\x9b.safetensors"
        shutil.copy(CLEAN / "0000.out.safetensors", self.folder / name)
        policy = self.folder / "policy.json"
        policy.write_text(json.dumps({"schema": "pastonly.policy/1", "ignore": [
            {"check": "causal-mask", "reason": "\x1b]0;title\x07", "expires": "9999-12-31"}]}))
        report = self.folder / "report.json"
        for arguments in (["audit", self.folder / name], ["audit", self.folder / (name + "x")],
                          ["audit", LEAKY, "--policy", policy], ["explain", name], ["audit", "--" + name],
                          ["audit", self.folder / name, "-o", f"json={report}"], ["report", report],
                          ["verify", report], ["audit", CLEAN, "-o", name]):
            done = run(*arguments)
            for character in "\x1b\x07\u202e\x9b":
                self.assertNotIn(character, done.stdout + done.stderr, arguments)

    def test_one_trace_alone_never_passes(self):
        report = audit(CLEAN / "0000.out.safetensors", expect=3)
        self.assertTrue(any("causal-mask" in reason for reason in report["verdict_reasons"]))
        self.assertIsNone(report["detection_limit"])

    def test_a_truncated_output_exits_2(self):
        plan = self.plan()
        path = plan / "0000.out.safetensors"
        path.write_bytes(path.read_bytes()[:-100])
        self.assertEqual(run("audit", plan).returncode, 2)


class Reports(Temporary):
    def test_leaky_fails_and_clean_passes(self):
        self.assertIn("causal-mask", findings(audit(LEAKY, expect=1)))
        report = audit(CLEAN, expect=0)
        self.assertEqual(findings(report, ("error",)), set())
        self.assertGreater(report["detection_limit"]["trials"], 0)

    def test_same_seed_same_bytes_whatever_the_threads(self):
        def bytes_of(threads):
            report = audit(LEAKY, "--threads", threads, "--seed", 3)
            report.pop("run")
            for check in report["checks"]:
                check.pop("seconds")
            return json.dumps(report)

        first = bytes_of(1)
        for threads in (2, 3, 8):
            self.assertEqual(bytes_of(threads), first)

    def test_stdout_carries_the_report_alone(self):
        done = run("audit", CLEAN, "-o", "json")
        self.assertEqual(json.loads(done.stdout)["schema"], "pastonly.report/1")
        done = run("audit", CLEAN, "-o", f"json={self.folder / 'r.json'}")
        self.assertEqual(done.stdout, "")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["r.json"])

    def test_a_reader_that_has_gone_is_no_news_and_files_stay_whole(self):
        path = self.folder / "r.json"
        for arguments in (["audit", CLEAN, "-o", "text", "-o", f"json={path}"], ["rules"], ["explain", "top-k"]):
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run([BINARY, *map(str, arguments)], stdout=writer, stderr=subprocess.PIPE, text=True)
            os.close(writer)
            self.assertEqual(done.returncode, 2, done)
            self.assertEqual(done.stderr, "")
        self.assertEqual(json.loads(path.read_text())["verdict"], "pass")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["r.json"])

    def test_color_only_when_asked(self):
        self.assertNotIn("\x1b", run("audit", CLEAN).stdout)
        self.assertIn("\x1b", run("audit", CLEAN, "--color", "always").stdout)

    def test_convert_and_judge_again(self):
        path = self.folder / "r.json"
        run("audit", LEAKY, "-o", f"json={path}")
        again = run("report", path, "-o", "json")
        self.assertEqual(again.returncode, 1)
        self.assertEqual(again.stdout, path.read_text())
        self.assertIn("FAIL", run("report", path).stdout)
        self.assertEqual(run("report", path, "--policy", "ci").returncode, 1)
        lenient = self.folder / "lenient.json"
        lenient.write_text('{"schema": "pastonly.policy/1", "fail_on": "never", "require": []}')
        self.assertNotEqual(run("report", path, "--policy", lenient).returncode, 1)
        other = self.folder / "other.json"
        other.write_text('{"schema": "pastonly.policy/1", "alpha": 0.001}')
        self.assertIn("Run the audit again", self.refused(4, "report", path, "--policy", other))
        for broken, why in (("{}", "schema"), ("", "not JSON: parse error at line 1"), ('{"schema": "pastonly.report/9"}', "report/9"),
                            ('{"verdict": "pass", "verdict": "fail"}', "twice"), ("[" * 100000, "deeper")):
            path.write_text(broken)
            self.assertIn(why, self.refused(2, "report", path))

    def test_verify(self):
        plan = self.folder / "plan"
        shutil.copytree(LEAKY, plan)
        path = self.folder / "r.json"
        run("audit", plan, "-o", f"json={path}")
        done = run("verify", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("All", done.stdout)

        report = json.loads(path.read_text())
        tampered = json.loads(path.read_text())
        tampered["checks"][0 if report["checks"][0]["measurements"] else 3]["measurements"][0]["value"] = 0.123
        path.write_text(json.dumps(tampered))
        done = run("verify", path)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("does not hold", done.stdout)

        tampered = json.loads(json.dumps(report))
        tampered["findings"] = tampered["findings"][1:]
        path.write_text(json.dumps(tampered))
        self.assertEqual(run("verify", path).returncode, 1)

        def forged(change):
            copy = json.loads(json.dumps(report))
            change(copy)
            path.write_text(json.dumps(copy))
            done = run("verify", path)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            return [line for line in done.stdout.splitlines() if line.startswith("does not hold")]

        def relabelled(key, value):
            return forged(lambda copy: copy["findings"][0].update({key: value}))

        for key, value in (("check", "load-balance"), ("claim", "idle-expert"), ("basis", "observation"), ("help", "ignore it")):
            self.assertEqual(len(relabelled(key, value)), 1, key)
        self.assertEqual(len(forged(lambda copy: next(check for check in copy["checks"] if check.get("charts"))["charts"].pop())), 1)

        layer = report["layers"][1]["index"]
        self.assertIn(f"layer {layer}: rule", forged(lambda r: r["layers"][1]["rule"].update(causal=True))[0])
        self.assertIn("origin", forged(lambda r: r["layers"][1]["origin"].update(kind="none"))[0])
        self.assertIn("lists 1", forged(lambda r: r["layers"].pop())[0])
        self.assertIn("totals", forged(lambda r: r["totals"].update(floor_bits=0.1))[0])
        self.assertIn("subject: tokens", forged(lambda r: r["subject"].update(tokens=10**9))[0])
        self.assertTrue(any("list of files" in line for line in forged(lambda r: r["subject"].update(files=[]))))
        self.assertIn("not assessed", forged(lambda r: r["not_assessed"].pop())[0])
        self.assertIn("verdict: its reasons", forged(lambda r: r.update(verdict_reasons=["all is well"]))[0])
        self.assertIn("lacks the check", forged(lambda r: r.update(checks=[]))[0])
        # A laxer policy under a known name, with the verdict that it would give.
        def lax(r):
            r["policy"]["rules"]["require"] = []
            r["policy"]["rules"]["fail_on"] = "never"
            r.update(verdict="pass", verdict_reasons=[])
        self.assertTrue(any("policy ci" in line for line in forged(lax)))

        path.write_text(json.dumps(report))
        victim = plan / "0002.out.safetensors"
        data = bytearray(victim.read_bytes())
        data[-1] ^= 1
        victim.write_bytes(data)
        self.assertEqual(run("verify", path).returncode, 2)
        victim.unlink()
        self.assertEqual(run("verify", path).returncode, 2)

    def test_tags_beside_a_recording(self):
        """The same figures as from tags in the trace; hashed, and verified."""
        trace = CLEAN / "0000.out.safetensors"
        data = trace.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + length])
        rows = header["layers.0.scores"]["shape"][0]
        size = max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
        header["tags.language"] = {"dtype": "U8", "shape": [rows], "data_offsets": [size, size + rows]}
        text = json.dumps(header).encode()
        inside = self.folder / "inside.safetensors"
        numbers = [row % 2 for row in range(rows)]
        inside.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length:] + bytes(numbers))
        beside = self.folder / "languages.txt"
        beside.write_text("".join(("English\n", "French\n")[number] for number in numbers))

        def measured(report):
            return [m for check in report["checks"] if check["id"] == "specialisation" for m in check["measurements"]]

        checks = ("--check", "specialisation", "--check", "capacity-drops")
        expected = audit(inside, *checks)
        self.assertIn("explained_by[language]", {m["name"] for m in measured(expected)})
        path = self.folder / "r.json"
        run("audit", trace, "--tags", f"language={beside}", *checks, "-o", f"json={path}")
        report = json.loads(path.read_text())
        self.assertEqual(measured(report), measured(expected))
        self.assertIn(str(beside), [file["path"] for file in report["subject"]["files"]])
        self.assertEqual(run("verify", path).returncode, 0)
        # A plan has the tags of its first base.
        self.assertEqual(measured(audit(CLEAN, "--tags", f"language={beside}", *checks)), measured(expected))

        self.assertIn("tags of that name itself", self.refused(4, "audit", inside, "--tags", f"language={beside}"))
        for wrong in ("language", "=x", "language=", "a=b=c"):
            self.refused(2 if wrong == "a=b=c" else 4, "audit", trace, "--tags", wrong)
        self.assertIn("given twice",
                      self.refused(4, "audit", trace, "--tags", f"a={beside}", "--tags", f"a={beside}"))
        self.assertIn("--tags", self.refused(4, "audit", "--log", f"causal:{beside}", "--tags", f"a={beside}"))
        beside.write_text("English\n" * rows)
        done = run("verify", path)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("languages.txt: changed since the audit", done.stderr)
        beside.write_text("English\n" * (rows + 1))
        self.assertIn(f"expected {rows} tags", self.refused(2, "audit", trace, "--tags", f"language={beside}"))

    def test_what_was_not_asked_for_is_said(self):
        report = audit(CLEAN, "--check", "causal-mask", expect=0)
        gaps = {row["check"]: row["reason"] for row in report["not_assessed"]}
        self.assertEqual(gaps["rule-identification"], "not selected (--check)")
        self.assertNotIn("causal-mask", gaps)
        self.assertIn("batch-isolation, ", run("audit", CLEAN, "--check", "causal-mask").stdout)

    def test_interrupted_leaves_no_report(self):
        path = self.folder / "r.json"
        path.write_text("the report of before")
        subject = self.big_plan()
        child = subprocess.Popen([BINARY, "audit", str(subject), "-o", f"json={path}"], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        time.sleep(0.15)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=120)
        if child.returncode != 130:
            self.skipTest("the audit was faster than the signal")
        self.assertEqual(path.read_text(), "the report of before")
        self.assertFalse(pathlib.Path(str(path) + ".partial").exists())

    def big_plan(self):
        """The leaky plan with its suffixes many times over: long enough to be interrupted."""
        plan = self.folder / "big"
        plan.mkdir()
        runs = json.loads((LEAKY / "plan.json").read_text())["runs"]
        suffixes = [r for r in runs if r["kind"] == "suffix"]
        listed = list(runs)
        for r in runs:
            for kind in ("in", "out"):
                name = f"{r['id']:04}.{kind}.safetensors"
                shutil.copy(LEAKY / name, plan / name)
        for copy in range(40):
            for r in suffixes:
                new = {**r, "id": len(listed) + 1000}
                listed.append(new)
                for kind in ("in", "out"):
                    os.link(plan / f"{r['id']:04}.{kind}.safetensors", plan / f"{new['id']:04}.{kind}.safetensors")
        (plan / "plan.json").write_text(json.dumps({"schema": "pastonly.plan/1", "runs": listed}))
        return plan


if __name__ == "__main__":
    unittest.main()

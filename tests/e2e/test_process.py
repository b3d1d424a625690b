"""A model in another program: the verdicts of a plan, and an answer to everything a program can do wrong."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from program import BINARY, ROOT, audit, findings, run

SHAPE = ("--batch", 4, "--positions", 48)
PROGRAM = ROOT / "tests/e2e/answering.py"


def command(*arguments):
    return " ".join([sys.executable, str(PROGRAM), *(f"'{argument}'" for argument in arguments)])


class Process(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def asked(self, *program, options=(), timeout=300):
        """Exit code, report, what was printed on stderr; nothing is left behind in TMPDIR."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        done = run("audit", "--exec", command(*program), *SHAPE, *options, "-q", "-o", f"json={report}",
                   env={"TMPDIR": str(self.folder)}, cwd=self.folder, timeout=timeout)
        left = [path.name for path in self.folder.iterdir() if path.name.startswith("pastonly-")]
        self.assertEqual(left, [])
        return done.returncode, json.loads(report.read_text()) if report.exists() else None, done.stderr

    def test_verdicts(self):
        for model, code, check in (("causal", 0, None), ("expert-choice", 1, "causal-mask"),
                                   ("whole-row", 1, "causal-mask")):
            with self.subTest(model=model):
                returned, report, said = self.asked(model)
                self.assertEqual(returned, code, said)
                self.assertEqual((report["subject"]["kind"], report["subject"]["name"]), ("process", f"toy {model}"))
                if check:
                    self.assertIn(check, findings(report, ("error",)))
                self.assertIn("dropout was switched off", json.dumps(report["findings"]))

    def test_draws_under_held_seeds_are_told_from_rules(self):
        """All runs hold the draws of their base: no repeat differs, and another draw does."""
        code, report, said = self.asked("drawn-drops")
        self.assertEqual(code, 1, said)
        self.assertEqual({layer["rule"]["id"] for layer in report["layers"]}, {"random-token"})
        told = json.dumps(report["findings"])
        self.assertIn("another draw of what routing leaves to chance", told)
        self.assertNotIn("none is random", told)
        shown = " ".join(run("report", self.folder / "report.json").stdout.split())
        self.assertLess(shown.count("No trial"), 4)
        self.assertIn("detection_limit.left_out of the JSON report says why", shown)

    def test_dense_models_are_judged_by_what_they_say(self):
        code, report, said = self.asked("dense-told")
        self.assertEqual(code, 0, said)
        self.assertEqual(report["layers"], [])
        self.assertGreater(report["detection_limit"]["trials"], 200)
        for model, tensor in (("dense-leak", "logprobs"), ("dense-peek", "predictions")):
            with self.subTest(model=model):
                code, report, said = self.asked(model, options=("--check", "causal-mask"))
                self.assertEqual(code, 1, said)
                change = next(f for f in report["findings"] if f["check"] == "causal-mask")
                self.assertIn("log-probabilities changed beyond rounding", change["message"])
                self.assertIn("attention masks", change["help"])
                self.assertEqual(change["witness"]["tensor"], tensor)

    def test_limits_in_bits(self):
        """0.01 bits of collision information are a share of 1 - 2^-0.01 of trials."""
        plan = self.folder / "plan"
        told = {}
        for limit in ("0.01bits", "0.0069075"):
            shutil.rmtree(plan, ignore_errors=True)
            done = run("plan", plan, "--vocab", 64, *SHAPE, "--limit", limit)
            self.assertEqual(done.returncode, 0, done.stderr)
            told[limit] = done.stdout
        self.assertEqual(*told.values())
        for wrong in ("2bits", "0bits", "0.01bit", "bits", "-1bits", "nanbits", "1e-9bits"):
            done = run("plan", self.folder / "other", "--vocab", 64, f"--limit={wrong}")
            self.assertEqual(done.returncode, 4, wrong)
            self.assertIn("is not a share from 0.00001 to 0.5, or bits", done.stderr)

    def test_a_server_is_asked_by_the_package(self):
        """The URL reaches the shell as one word; what fails is said with the package's own words."""
        for url, more, code, said in (("http://localhost:1/it's; touch x", ("--vocab", 64), 2, "pastonly"),
                                      ("http://localhost:1", (), 4, "--vocab"), ("", ("--vocab", 64), 4, "empty")):
            done = run("audit", "--url", url, *more, cwd=self.folder, timeout=60)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(said, done.stderr)
        self.assertFalse((self.folder / "x").exists())
        self.assertEqual(run("audit", "--vocab", 64).returncode, 4)

    def test_what_could_not_have_been_seen_is_no_pass(self):
        """Log-probabilities of the tokens alone: whoever sees the next token, and no further, moves none of them."""
        code, report, said = self.asked("dense")
        self.assertEqual(code, 3, said)
        self.assertIn("Record predictions", " ".join(report["verdict_reasons"]))
        code, report, said = self.asked("dense-noisy")
        self.assertEqual(code, 3, said)
        self.assertEqual(findings(report, ("error",)), set())
        code, report, said = self.asked("dense-constant")
        self.assertEqual(code, 2, said)

    def test_the_same_as_its_plan(self):
        """Recorded, the same runs give the same figures; an interrupted recording continues."""
        plan = self.folder / "plan"
        code, live, said = self.asked("expert-choice", options=("--record", plan, "--check", "causal-mask"))
        self.assertEqual(code, 1, said)
        recorded = audit(plan, "--check", "causal-mask", expect=1)
        # Predictions are recorded and read back, and their witness is found in the files.
        peek = self.folder / "peek"
        self.asked("dense-peek", options=("--record", peek, "--check", "causal-mask"))
        path = self.folder / "peek.json"
        done = run("audit", peek, "--check", "causal-mask", "-q", "-o", f"json={path}")
        self.assertEqual(done.returncode, 1, done.stderr)
        done = run("verify", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("witness", done.stdout)
        flips = lambda report: [m for m in report["checks"][0]["measurements"] if m["name"] == "flip_rate_decisions"]
        self.assertEqual(flips(live), flips(recorded))
        self.assertEqual(live["detection_limit"]["trials"], recorded["detection_limit"]["trials"])

    def test_a_recording_of_all_checks_without_log_probabilities_ends(self):
        plan = self.folder / "plan"
        code, _, said = self.asked("causal", options=("--record", plan))
        self.assertEqual(code, 0, said)
        self.assertTrue((plan / "plan.json").exists())

    def test_a_program_that_ends_is_started_once_more(self):
        code, report, said = self.asked("causal", "die-once")
        self.assertEqual(code, 0, said)
        self.assertIn("started again, and answers the first base as before", json.dumps(report["findings"]))
        (self.folder / "died").unlink()
        code, report, said = self.asked("causal", "die-changed")
        self.assertEqual(code, 2, said)
        self.assertIn("answers the first base otherwise than before", json.dumps(report))
        code, report, said = self.asked("causal", "die", 1)
        self.assertEqual(code, 2)
        self.assertIn("ended with exit code 9 in run 0, twice in a row; it printed: ", said)
        self.assertIn("out of luck", said)

    def test_streams_are_asked_of_those_that_answer_them(self):
        code, report, said = self.asked("expert-choice", options=("--check", "forced-causality"))
        self.assertNotIn("stream_difference", json.dumps(report["checks"]))
        # One that says so and runs the whole batch instead.
        code, report, said = self.asked("causal", 'hello-{"streams": true}')
        self.assertEqual(code, 2, said)
        self.assertIn("valid", json.dumps(report) if report else said)

    def test_a_program_that_never_gets_going(self):
        for fault, expected in (("gone", "ended with exit code 3 before it said what it holds; it printed: a banner | no such checkpoint"),
                                ("silent", "said nothing for 0.5 s (--timeout)"), ("no-hello", "not JSON"),
                                ('hello-{"vocab": null}', "vocab"), ('hello-{"vocab": 1}', "vocab"),
                                ('hello-{"v": 2}', "hello: v: expected"), ('hello-{"type": "bye"}', "hello, as the first line"),
                                ('hello-{"special": [64]}', "token 64 of a vocabulary of 64"),
                                ('hello-{"remarks": [{}]}', "remarks[0].id"),
                                ('hello-{"max_positions": 40}', "--positions 48: the program takes 40 at most"),
                                ('hello-{"max_batch": 3}', "--batch 4: the program takes 3 at most"),
                                ('hello-{"vocab": 100}', "vocabulary of 64, the program 100")):
            with self.subTest(fault=fault):
                patience = ("--timeout", 0.5) if fault == "silent" else ()
                code, report, said = self.asked("causal", fault, options=patience)
                self.assertEqual(code, 4 if "takes" in expected else 2, said)
                self.assertIsNone(report)
                self.assertIn(expected, said)
                self.assertEqual(len(said.strip().splitlines()), 1, said)

    def test_faults_while_it_is_asked(self):
        for fault, expected in (("hang", "said nothing for 2 s (--timeout) in run 4"), ("garbage", "not JSON"),
                                ("half", "4.out.safetensors"), ("order", "answered run 5 where run 4 was asked for"),
                                ("nothing", "4.out.safetensors"), ("short", "shape (3, 48)"),
                                ("other-tokens", "tensor 'tokens'"), ("endless", "a line of more than 1048576 bytes"),
                                ("oom", "out of memory: --batch and --positions make batches smaller")):
            with self.subTest(fault=fault):
                options = ("--timeout", 2, "--check", "causal-mask")
                code, report, said = self.asked("causal", fault, options=options)
                self.assertEqual(code, 2, said)
                self.assertEqual(report["verdict"], "error")
                self.assertIn(expected, json.dumps(report))

    def test_interrupted_it_ends_and_takes_the_program_with_it(self):
        done = subprocess.Popen([BINARY, "audit", "--exec", command("causal", "hang"), *map(str, SHAPE), "-q"],
                                env={**os.environ, "TMPDIR": str(self.folder)}, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not any(self.folder.glob("pastonly-*/4.in.safetensors")) and time.monotonic() < deadline:
            time.sleep(0.05)
        done.send_signal(signal.SIGINT)
        _, said = done.communicate(timeout=30)
        self.assertEqual(done.returncode, 130, said)
        self.assertEqual(list(self.folder.glob("pastonly-*")), [])
        running = subprocess.run(["pgrep", "-f", "answering.py causal hang"], capture_output=True, text=True).stdout
        self.assertEqual(running, "")

    def test_wrong_usage(self):
        told = command("causal")
        for arguments, expected in (((ROOT / "audits/examples/clean", "--exec", told), "give no other subject"),
                                    (("--exec", told, "--layout", "batch-major"), "says these things in its traces"),
                                    (("--exec", told, "--rule", "top-k,k=2"), "for checkpoints"),
                                    (("--exec", ""), "--exec"), (("--exec", told, "--timeout", "0"), "--timeout"),
                                    (("--attach", "3"), "two file descriptors"), (("--attach", "3,3x"), "two file"),
                                    (("--attach", "1,2"), "no open file descriptor above 2"),
                                    (("--attach", "77,78"), "no open file descriptor"),
                                    (("--exec", told, "--attach", "3,4"), "--attach")):
            done = run("audit", *arguments)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn(expected, done.stderr)

    def test_attached(self):
        """The other way round: the program starts pastonly."""
        asks, asked = os.pipe()
        answers, answered = os.pipe()
        child = subprocess.Popen([BINARY, "audit", "--attach", f"{answers},{asked}", *map(str, SHAPE), "-q", "--check",
                                  "causal-mask", "-o", "json"], pass_fds=(answers, asked), stdout=subprocess.PIPE)
        os.close(answers)
        os.close(asked)
        program = subprocess.Popen([sys.executable, PROGRAM, "expert-choice"], pass_fds=(asks, answered),
                                   stdout=subprocess.DEVNULL,
                                   env={**os.environ, "PASTONLY_IN_FD": str(asks), "PASTONLY_OUT_FD": str(answered)})
        os.close(asks)
        os.close(answered)
        out, _ = child.communicate(timeout=120)
        self.assertEqual(child.returncode, 1)
        self.assertIn("causal-mask", findings(json.loads(out), ("error",)))
        self.assertEqual(program.wait(timeout=30), 0)

    def test_its_report_cannot_be_verified_by_starting_what_it_names(self):
        report = self.folder / "r.json"
        run("audit", "--exec", command("causal"), *SHAPE, "-q", "-o", f"json={report}")
        done = run("verify", report)
        self.assertEqual(done.returncode, 4, done.stdout)
        self.assertIn("--record", done.stderr)


if __name__ == "__main__":
    unittest.main()

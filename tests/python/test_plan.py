"""Plans answered by one worker and by several, some of them killed."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np

import toy
from pastonly import Facts, RunError, record, safetensors
from pastonly.claims import Claim

BINARY = os.environ.get("PASTONLY_BINARY")
STREAM = {"kind": "stream", "base": 0, "rows": [1, 3], "every": 5}


def audited(folder):
    """Outcome and findings of the real program."""
    path = Path(folder) / "report.json"
    done = subprocess.run([BINARY, "audit", str(folder), "--quiet", "-o", f"json={path}"], capture_output=True, text=True, timeout=120)
    if done.returncode not in (0, 1, 3):
        raise AssertionError(done.stderr)
    return json.loads(path.read_text())


class Plans(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / "plan"
        self.quiet = lambda text: None

    def outputs(self):
        return sorted(path.name for path in self.folder.glob("*.out.safetensors"))

    def test_every_run_is_answered(self):
        runs = toy.write_plan(self.folder, more=[STREAM, {"kind": "redraw", "base": 0, "seed": 5},
                                                 {"kind": "shuffle", "base": 0, "seed": 1}, {"kind": "reroute", "base": 0, "rule": "top-k,k=1"}])
        answered = record(toy.Toy(), self.folder, log=self.quiet)
        self.assertEqual(answered.made, [run["id"] for run in runs[:-2]])
        self.assertEqual([number for number, _ in answered.skipped], [runs[-2]["id"], runs[-1]["id"]])
        self.assertEqual(len(self.outputs()), len(runs) - 2)
        self.assertEqual([p.name for p in self.folder.iterdir() if p.suffix in (".claim", ".tmp")], [])
        self.assertEqual(record(toy.Toy(), self.folder, log=self.quiet).made, [], "nothing is made twice")

    def test_seeds(self):
        """All runs hold the draws of their base, and a redraw has its own."""
        toy.write_plan(self.folder, more=[{"kind": "redraw", "base": 0, "seed": 5}])
        record(toy.Toy(noise=1.0), self.folder, log=self.quiet)
        read = [safetensors.read(self.folder / name)[0]["layers.0.logits"] for name in self.outputs()]
        np.testing.assert_array_equal(read[0], read[1])
        self.assertFalse(np.array_equal(read[0], read[-1]))

    def test_a_stream_is_each_token_alone(self):
        toy.write_plan(self.folder, more=[STREAM])
        record(toy.Toy(), self.folder, log=self.quiet)
        base, out = (safetensors.read(self.folder / self.outputs()[i])[0] for i in (0, -1))
        ran = np.zeros((4, 64), bool)
        ran[[1, 3], 4::5] = True
        np.testing.assert_array_equal(out["valid"].astype(bool), ran)
        np.testing.assert_array_equal(out["layers.2.experts"][ran], base["layers.2.experts"][ran])
        self.assertNotIn("logprobs", out, "this model tells no successor")

    def test_successors_of_a_stream(self):
        """ln p of the token after each, of a model that is told it."""
        def model(tokens, valid, seed, successors=None):
            out = {"layers.0.experts": tokens[..., None] % 4, "layers.0.scores": np.full((*tokens.shape, 4), 0.25, np.float32),
                   "logprobs": np.full(tokens.shape, -9.0)}
            return out if successors is None else {**out, "successor_logprobs": -(successors + 1.0)}
        toy.write_plan(self.folder, more=[STREAM])
        record(model, self.folder, vocab=toy.VOCAB, log=self.quiet)
        tokens = safetensors.read(self.folder / "0000.in.safetensors")[0]["tokens"]
        out = safetensors.read(self.folder / self.outputs()[-1])[0]["logprobs"]
        np.testing.assert_array_equal(out[1, 5::5], -(tokens[1, 5::5] + 1.0))
        self.assertEqual(np.isfinite(out).sum(), np.isfinite(out[[1, 3]][:, 5::5]).sum())

    def test_padding(self):
        for left in (False, True):
            folder = self.folder / str(left)
            toy.write_plan(folder, padding=9, left=left)
            record(toy.Toy(), folder, log=self.quiet)
            out = safetensors.read(folder / "0000.out.safetensors")[0]
            self.assertEqual(out["valid"].sum(), 4 * 64 - 9)

    def test_remarks_reach_the_plan(self):
        toy.write_plan(self.folder)
        record(toy.Toy(remarks=[("noise-off", "dropout")]), self.folder, log=self.quiet)
        self.assertEqual(json.loads((self.folder / "plan.json").read_text())["remarks"], [{"id": "noise-off", "message": "dropout"}])

    def test_a_failing_model_is_named_with_its_run(self):
        toy.write_plan(self.folder)
        good = toy.Toy()
        calls = []

        def failing(tokens, valid, seed):
            calls.append(seed)
            if len(calls) == 4:
                raise ZeroDivisionError("by nothing")
            return good(tokens, valid, seed)
        with self.assertRaisesRegex(RunError, r"run 3 \(suffix\) of .*plan: ZeroDivisionError: by nothing") as caught:
            record(failing, self.folder, facts=good.facts, log=self.quiet)
        self.assertIsInstance(caught.exception.__cause__, ZeroDivisionError)
        self.assertEqual(len(self.outputs()), 3, "what was made stays")
        self.assertEqual(list(self.folder.glob("*.claim")), [])
        record(good, self.folder, log=self.quiet)
        self.assertEqual(len(self.outputs()), len(list(self.folder.glob("*.in.safetensors"))))

    def test_wrong_answers_are_named_with_run_and_key(self):
        toy.write_plan(self.folder)
        with self.assertRaisesRegex(RunError, r"run 0 \(base\).*layers.0.mask: shape \(1, 64, 8\); expected \(4, 64, N\)"):
            record(lambda tokens: {"layers.0.mask": np.ones((1, 64, 8))}, self.folder, vocab=64, log=self.quiet)
        with self.assertRaisesRegex(RunError, r"run 0 \(base\).*ids from 0 to 63; expected 0 to 9"):
            record(lambda tokens: {}, self.folder, vocab=10, log=self.quiet)

    def test_broken_plans_are_named(self):
        self.folder.mkdir()
        with self.assertRaisesRegex(RunError, "plan.json"):
            record(toy.Toy(), self.folder)
        (self.folder / "plan.json").write_text('{"schema": "x"}')
        with self.assertRaisesRegex(RunError, "schema 'x'"):
            record(toy.Toy(), self.folder)
        toy.write_plan(self.folder)
        with self.assertRaisesRegex(ValueError, "vocab="):
            record(lambda tokens: {}, self.folder)

    @unittest.skipUnless(BINARY, "PASTONLY_BINARY names no program")
    def test_the_program_judges_what_was_recorded(self):
        for leaky, outcome in ((False, "pass"), (True, "fail")):
            folder = self.folder / str(leaky)
            toy.write_plan(folder, more=[STREAM], grouped=100)
            record(toy.Toy(leaky=leaky), folder, log=self.quiet)
            report = audited(folder)
            self.assertEqual(report["verdict"], outcome, report["verdict_reasons"])


class Claims(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "0001.claim"

    def test_one_holds_it(self):
        claim = Claim.take(self.path)
        self.assertIsNone(Claim.take(self.path))
        claim.release()
        self.assertFalse(self.path.exists())
        Claim.take(self.path).release()

    def test_a_dead_worker_of_this_host_loses_it_and_its_half_written_file(self):
        child = subprocess.Popen([sys.executable, "-c", "pass"])
        child.wait()
        claim = Claim.take(self.path)
        said = json.loads(self.path.read_text())
        claim.release()
        self.path.write_text(json.dumps({**said, "pid": child.pid}))
        left = self.path.with_name(f"0001.out.safetensors.{said['host']}.{child.pid}.tmp")
        left.write_text("half")
        Claim.take(self.path).release()
        self.assertFalse(left.exists())

    def test_a_worker_of_another_host_keeps_it_for_a_lease(self):
        self.path.write_text(json.dumps({"host": "elsewhere.invalid", "pid": 1, "time": 0}))
        self.assertIsNone(Claim.take(self.path, lease=60))
        os.utime(self.path, (time.time() - 61,) * 2)
        Claim.take(self.path, lease=60).release()

    def test_it_is_renewed(self):
        claim = Claim.take(self.path, lease=0.5)
        time.sleep(0.8)
        self.assertIsNone(Claim.take(self.path, lease=0.5))
        claim.release()


class Workers(unittest.TestCase):
    """Four workers on one plan, killed at random and started again."""

    def start(self, folder):
        environment = {**os.environ, "PYTHONPATH": f"{toy.ROOT / 'src/python'}:{Path(__file__).parent}", "TOY_SECONDS": "0.03"}
        return subprocess.Popen([sys.executable, "-m", "pastonly.worker", str(folder), "--model", "toy:build_slow"],
                                stderr=subprocess.PIPE, text=True, env=environment, cwd=folder)

    def test_killed_at_random(self):
        with tempfile.TemporaryDirectory() as name:
            folder, alone, draw = Path(name, "shared"), Path(name, "alone"), random.Random(3)
            runs = toy.write_plan(folder, grouped=110)
            toy.write_plan(alone, grouped=110)
            record(toy.Toy(), alone, log=lambda text: None)
            workers, killed = [self.start(folder) for _ in range(4)], 0
            end = time.time() + 120
            while time.time() < end and any(worker.poll() is None for worker in workers):
                time.sleep(0.15 + 0.3 * draw.random())
                which = draw.randrange(4)
                if killed < 12 and workers[which].poll() is None:
                    workers[which].send_signal(signal.SIGKILL)
                    workers[which].communicate()
                    workers[which], killed = self.start(folder), killed + 1
            said = [worker.communicate()[1] for worker in workers]
            self.assertEqual([worker.returncode for worker in workers], [0] * 4, said)
            self.assertGreaterEqual(killed, 4)
            self.assertEqual(sorted(p.name for p in folder.iterdir() if p.suffix in (".claim", ".tmp")), [])
            for run in runs:
                file = f"{run['id']:04}.out.safetensors"
                self.assertEqual((folder / file).read_bytes(), (alone / file).read_bytes(), file)

    def test_a_part_of_the_runs(self):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "plan"
            runs = toy.write_plan(folder)
            done = subprocess.run([sys.executable, "-m", "pastonly.worker", str(folder), "--model", "toy:build", "--runs", "0,2-3,999"],
                                  capture_output=True, text=True, cwd=Path(__file__).parent,
                                  env={**os.environ, "PYTHONPATH": str(toy.ROOT / "src/python")})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreater(len(runs), 4)
            self.assertEqual(sorted(path.name for path in folder.glob("*.out.safetensors")), [f"{run:04}.out.safetensors" for run in (0, 2, 3)])

    def test_wrong_usage_is_said(self):
        for arguments, words in ((["x", "--model", "toy:build", "--runs", "7-x"], "expected numbers and ranges of runs"),
                                 (["x", "--model", "toy:build", "--runs", "5-2"], "expected numbers and ranges of runs"),
                                 (["--model", "toy:build"], "expected a plan directory, or --serve"),
                                 (["x", "--model", "toy"], "expected MODULE:FUNCTION"),
                                 (["x", "--model", "toy:nothing"], "nothing"), (["x", "--model", "toy:build"], "plan.json")):
            done = subprocess.run([sys.executable, "-m", "pastonly.worker", *arguments], capture_output=True, text=True, cwd=Path(__file__).parent,
                                  env={**os.environ, "PYTHONPATH": str(toy.ROOT / "src/python")})
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)
            self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main()

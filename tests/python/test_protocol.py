"""The child's side of the process protocol, and audits of a model of this process."""

import contextlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

import toy
from parent import Parent
from pastonly import AuditError, assert_causal, audit
from pastonly.binary import NoBinary, find_binary

HERE = Path(__file__).parent
PYTHONPATH = f"{toy.ROOT / 'src/python'}:{HERE}"
TOKENS = np.arange(8).reshape(2, 4)
MODELS = '''
import numpy as np, toy
good = toy.Toy()
def build():
    return model
class Model:
    facts = good.facts
    count = 0
    def __call__(self, tokens, valid, seed):
        print("the model's own output")
        Model.count += 1
        if Model.count == 1:
            raise MemoryError("no room")
        if Model.count == 2:
            return {"layers.0.mask": np.ones((1, 2, 3))}
        return good(tokens, valid, seed)
model = Model()
'''


class Serving(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def parent(self, target="toy:build", path=PYTHONPATH):
        return Parent([sys.executable, "-m", "pastonly.worker", "--serve", "--model", target], PYTHONPATH=path)

    def test_runs(self):
        parent = self.parent()
        self.assertEqual(parent.hello, {"v": 1, "type": "hello", "vocab": 64, "layers": [0, 2], "experts": 8, "top_k": 2, "mode": "eval",
                                        "name": "Toy", "producer": "toy", "layout": "batch-major", "compute": "float32", "stage": "dispatched",
                                        "noisy": False, "streams": True})
        answer, trace = parent.run(self.folder, 7, TOKENS, valid=np.ones((2, 4), np.uint8))
        self.assertEqual(answer, {"type": "done", "id": 7})
        np.testing.assert_array_equal(trace["layers.0.experts"], toy.Toy()(TOKENS, None, 0)["layers.0.experts"])
        self.assertEqual(parent.end()[0], 0)

    def test_a_stream_is_each_token_alone(self):
        parent = self.parent()
        tokens = np.arange(40).reshape(4, 10)
        answer, trace = parent.run(self.folder, 3, tokens, stream={"rows": [1, 3], "every": 4})
        self.assertEqual(answer, {"type": "done", "id": 3})
        ran = np.zeros((4, 10), bool)
        ran[[1, 3], 3::4] = True
        np.testing.assert_array_equal(trace["valid"].astype(bool), ran)
        np.testing.assert_array_equal(trace["layers.0.experts"][ran], toy.Toy()(tokens, None, 0)["layers.0.experts"][ran])
        parent.end()

    def test_a_failing_run_ends_the_run_and_not_the_child(self):
        Path(self.folder, "models.py").write_text(MODELS)
        parent = self.parent("models:build", f"{PYTHONPATH}:{self.folder}")
        oom, none = parent.run(self.folder, 1, TOKENS)
        self.assertEqual((oom["type"], oom["code"], none), ("error", "oom", None))
        wrong, none = parent.run(self.folder, 2, TOKENS)
        self.assertEqual((wrong["code"], none), ("failed", None))
        self.assertIn("layers.0.mask: shape (1, 2, 3); expected (2, 4, N)", wrong["message"])
        self.assertEqual(parent.run(self.folder, 3, TOKENS)[0], {"type": "done", "id": 3})
        code, out, errors = parent.end()
        self.assertEqual(code, 0)
        self.assertIn("the model's own output", out)
        self.assertIn("Traceback", errors)

    def test_what_is_not_understood_ends_the_child_with_a_word(self):
        for line, words in ((b"what?\n", "expected a JSON object"), (b"{}\n", "of type run"), (b'{"type": "run", "id": 1}\n', "without in, out"),
                            (b"x" * (1 << 20) + b"\n", "bytes")):
            parent = self.parent()
            self.assertEqual(parent.say(line), {})
            code, _, errors = parent.end()
            self.assertEqual(code, 2)
            self.assertIn(words, errors)
            self.assertNotIn("Traceback", errors)


BINARY = os.environ.get("PASTONLY_BINARY")


def attaches():
    return BINARY and "--attach" in subprocess.run([BINARY, "audit", "--help"], capture_output=True, text=True).stdout


@unittest.skipUnless(attaches(), "PASTONLY_BINARY names no program that can be attached")
class TheProgram(unittest.TestCase):
    """The real one, asked from this process and asking a child."""

    def test_verdicts(self):
        for leaky, outcome in ((False, "pass"), (True, "fail")):
            report = audit(toy.Toy(leaky=leaky), positions=48, batch=4, quiet=True)
            self.assertEqual((report.verdict, report.exit_code), (outcome, int(leaky)), report.text)
            self.assertIn(outcome.upper(), report.text)

    def test_the_same_model_as_process_and_in_this_process(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "report.json"
            command = f"{sys.executable} -m pastonly.worker --serve --model toy:build"
            done = subprocess.run([BINARY, "audit", "--exec", command, "--positions", "48", "--batch", "4", "-q", "-o", f"json={path}"],
                                  env={**os.environ, "PYTHONPATH": PYTHONPATH}, capture_output=True, text=True, timeout=300)
            self.assertEqual(done.returncode, 0, done.stderr)
            other = json.loads(path.read_text())
        report = audit(toy.Toy(), positions=48, batch=4, quiet=True).json
        for key in ("verdict", "findings", "layers", "totals", "detection_limit"):
            self.assertEqual(report[key], other[key], key)

    def test_what_the_model_raises_is_in_the_error(self):
        def failing(tokens):
            raise ZeroDivisionError("by nothing")
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaisesRegex(AuditError, "run 0 failed: ZeroDivisionError: by nothing"):
            audit(failing, vocab=16, quiet=True)


class Audits(unittest.TestCase):
    def setUp(self):
        environment = {"PASTONLY_BINARY": str(HERE / "attached_stub.py"), "TOY_PACKAGE": str(toy.ROOT / "src/python")}
        patch = mock.patch.dict(os.environ, environment)
        patch.start()
        self.addCleanup(patch.stop)

    def test_report(self):
        report = audit(toy.Toy(), policy="release", positions=64, batch=4, limit=0.01, checks=["causal-mask"], seed=9, quiet=True)
        self.assertEqual((report.verdict, report.exit_code, str(report), report.findings), ("pass", 0, "Verdict: pass\n", []))
        self.assertEqual([answer["type"] for answer in report.json["answers"]], ["done", "done"])
        said = " ".join(report.json["words"])
        for option in ("--policy release", "--positions 64", "--batch 4", "--limit 0.01", "--check causal-mask", "--seed 9", "--quiet"):
            self.assertIn(option, said)

    def test_draws_beside_an_audit_go_on(self):
        random.seed(1)
        np.random.seed(1)
        audit(toy.Toy(noise=1.0), quiet=True)
        seen = random.random(), np.random.random()
        random.seed(1)
        np.random.seed(1)
        self.assertEqual(seen, (random.random(), np.random.random()))

    def test_plain_functions(self):
        report = audit(lambda tokens: {"layers.3.mask": np.ones((*tokens.shape, 2))}, vocab=16, quiet=True)
        self.assertEqual(report.json["hello"]["vocab"], 16)
        self.assertEqual([answer["type"] for answer in report.json["answers"]], ["done", "done"])

    def test_assert_causal(self):
        self.assertEqual(assert_causal(toy.Toy()).verdict, "pass")
        with mock.patch.dict(os.environ, {"TOY_STUB": "fail"}):
            with self.assertRaisesRegex(AssertionError, "verdict is fail\n\nVerdict: fail"):
                assert_causal(toy.Toy())

    def test_without_a_report(self):
        for behaviour, words in (("refuse", "exit code 1 and no report:\npastonly: no such policy"), ("die", "exit code -9 and no report")):
            with mock.patch.dict(os.environ, {"TOY_STUB": behaviour}), self.assertRaisesRegex(AuditError, words):
                audit(toy.Toy(), quiet=True)

    def test_no_descriptor_stays_open(self):
        audit(toy.Toy(), quiet=True)
        before = len(os.listdir("/proc/self/fd"))
        audit(toy.Toy(), quiet=True)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_the_program_is_looked_for(self):
        self.assertEqual(find_binary(), str(HERE / "attached_stub.py"))
        with mock.patch.dict(os.environ, {"PASTONLY_BINARY": "/nowhere"}), self.assertRaisesRegex(NoBinary, "/nowhere"):
            find_binary()
        with mock.patch.dict(os.environ, {"PASTONLY_BINARY": "", "PATH": ""}), self.assertRaisesRegex(NoBinary, "PATH"):
            find_binary()


if __name__ == "__main__":
    unittest.main()

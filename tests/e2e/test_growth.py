"""What was accepted once is no licence for more of it, or for something else of the same name."""

import json
import pathlib
import random
import struct
import tempfile
import unittest

from made_plan import EXPERTS, own_scores, safetensors, two_best
from program import ROOT, run

LEAKY, CLEAN = (ROOT / "audits/examples" / name for name in ("leaky", "clean"))
ROWS, LENGTH = 8, 32


class Grown(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.base = self.path / "base.json"

    def trace(self, name, gate=lambda g, i: g, log_prob=lambda p, i: p, mask=lambda m, i: m):
        """A recording whose numbers are changed one by one: `i` counts tokens."""
        draw, shape = random.Random(3), (ROWS, LENGTH)
        tokens, scores, gates, masks, told = [], b"", b"", b"", b""
        for i in range(ROWS * LENGTH):
            token = draw.randrange(64)
            own = own_scores(0, token)
            chosen = two_best(own)
            tokens.append(token)
            scores += struct.pack(f"<{EXPERTS}f", *own)
            gates += struct.pack(f"<{EXPERTS}f", *(gate(s, i) if c else 0.0 for s, c in zip(own, chosen)))
            masks += bytes(mask(c, i) for c in chosen)
            told += struct.pack("<f", float("nan") if i % LENGTH == 0 else log_prob(-draw.uniform(1, 4), i))
        path = self.path / f"{name}.safetensors"
        safetensors(path, {"tokens": ("I32", shape, struct.pack(f"<{len(tokens)}i", *tokens)),
                           "logprobs": ("F32", shape, told), "layers.0.scores": ("F32", (*shape, EXPERTS), scores),
                           "layers.0.gates": ("F32", (*shape, EXPERTS), gates), "layers.0.mask": ("U8", (*shape, EXPERTS), masks)},
                    {"schema": "pastonly.trace/1", "mode": "train", "stage": "dispatched", "layout": "batch-major", "vocab": "128"})
        return path

    def accept(self, *what):
        done = run(*what, "-q", "--write-baseline", self.base)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def held(self, *what, baseline=None):
        out = self.path / "held.json"
        done = run(*what, "-q", "--baseline", baseline or self.base, "-o", f"json={out}")
        report = json.loads(out.read_text()) if out.exists() else self.fail(done.stderr)
        return done.returncode, {(f["claim"], f["baseline"]["state"]) for f in report["findings"] if f.get("baseline")}

    def assert_grows(self, command, accepted, *grown, more=()):
        """What is accepted passes again; each of the others does not."""
        self.accept(command, *accepted, *more)
        again, states = self.held(command, *accepted, *more)
        self.assertEqual({state for _, state in states}, {"accepted"}, states)
        for other in grown:
            code, states = self.held(command, *other, *more)
            self.assertTrue({"new", "worse"} & {state for _, state in states}, (other, states))
            self.assertNotEqual(code, 0, other)
        return again

    def test_losses(self):
        one = self.trace("one")
        near, far = (self.trace(n, log_prob=lambda p, i, by=by: p - by * (i % 3)) for n, by in (("near", 0.07), ("far", 7)))
        self.assertEqual(self.assert_grows("compare", (one, near), (one, far)), 0)

    def test_gates(self):
        one = self.trace("one")
        near, far = (self.trace(n, gate=lambda g, i, by=by: g * by) for n, by in (("near", 1.1), ("far", 9)))
        self.assertEqual(self.assert_grows("compare", (one, near), (one, far)), 0)

    def test_records_that_contradict_themselves(self):
        one = self.trace("one")
        few = self.trace("few", log_prob=lambda p, i: 0.5 if i == 40 else p)
        more = self.trace("more", log_prob=lambda p, i: 0.5 if i in (40, 41, 42) else p)
        other = self.trace("other", log_prob=lambda p, i: float("nan") if i >= 128 else p)
        self.assertEqual(self.assert_grows("compare", (one, few), (one, more), (one, other), (few, one)), 0)

    def test_audits_of_such_records(self):
        few = self.trace("few", mask=lambda m, i: 7 if m and i == 40 else m)
        more = self.trace("more", mask=lambda m, i: 7 if m and i >= 40 else m)
        other = self.trace("other", gate=lambda g, i: float("nan") if i == 40 else g)
        self.assert_grows("audit", (few,), (more,), (other,), more=("--check", "trace-integrity"))

    def test_arms_of_training_logs(self):
        def logs(name, **floors):
            out = []
            for label, floor in floors.items():
                for seed in (1, 2, 3):
                    draw, path = random.Random(f"{label}{seed}"), self.path / f"{name}-{label}-{seed}.jsonl"
                    path.write_text("".join(json.dumps({"step": i, "loss": floor + draw.gauss(0, 0.01)}) + "\n" for i in range(60)))
                    out += ["--log", f"{label.replace('chunk', 'chunk=')}:{path}"]
            return out
        self.assert_grows("audit", logs("a", chunk8=2.7, chunk64=3.0, causal=3.0), logs("b", chunk8=0.7, chunk64=3.0, causal=3.0),
                          logs("c", chunk8=2.7, chunk64=2.7, causal=3.0))

    def test_a_chain_accepts_nothing_new(self):
        self.accept("audit", LEAKY)
        known = json.loads(self.base.read_text())
        for check in known["checks"]:
            for m in check["measurements"]:
                if check["id"] == "causal-mask" and m["name"] == "flip_rate_decisions":
                    m.update({k: m[k] * 0.3 for k in ("value", "lower", "upper")})
        for name in ("worse", "new"):
            first, second = self.path / f"{name}-first.json", self.path / f"{name}-second.json"
            first.write_text(json.dumps(known))
            self.assertEqual(run("audit", LEAKY, "-q", "--baseline", first, "-o", f"json={second}").returncode, 1)
            self.assertIn(name, {f["baseline"]["state"] for f in json.loads(second.read_text())["findings"]})
            code, states = self.held("audit", LEAKY, baseline=second)
            self.assertEqual(code, 1, states)
            self.assertIn(("flip", name), states)
            known["findings"] = [f for f in known["findings"] if f["check"] != "causal-mask"]

    def test_what_a_weak_policy_allows_is_named(self):
        policy = self.path / "weak.json"
        policy.write_text(json.dumps({"schema": "pastonly.policy/1", "limits": {
            "mismatch_tokens": 1, "mismatch_routes": 1, "near_ties": 1}}))
        told = self.accept("compare", LEAKY, CLEAN, "--policy", policy)
        self.assertIn("that this policy allows (same-routes/", told)
        self.assertIn("same-routes/route-mismatch", told)

    def test_rules_count_where_both_looked_for_them(self):
        self.accept("audit", LEAKY, "--check", "causal-mask")
        _, states = self.held("audit", LEAKY)
        self.assertIn(("flip", "accepted"), states)
        entries = json.loads((self.path / "held.json").read_text())["baseline"]["entries"]
        self.assertEqual({e["state"] for e in entries}, {"found"})

    def test_a_sentence_without_figures_must_be_the_same(self):
        """No rule explains the routes of this layer, and how much the best explains is said in words alone."""
        odd = self.trace("odd", mask=lambda m, i: m if i % 5 else 1 - m)
        self.accept("audit", odd)
        _, states = self.held("audit", odd)
        self.assertIn(("unexplained", "accepted"), states)
        known = json.loads(self.base.read_text())
        for finding in known["findings"]:
            if finding["claim"] == "unexplained":
                self.assertIsNone(finding["amount"])
                finding["message"] = finding["message"].replace("%", "9%", 1)
        self.base.write_text(json.dumps(known))
        _, states = self.held("audit", odd)
        self.assertIn(("unexplained", "worse"), states)


if __name__ == "__main__":
    unittest.main()

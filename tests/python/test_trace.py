"""What models return becomes a trace, or an error that says what was expected."""

import unittest

import numpy as np

import toy
from pastonly import Facts, ModelError
from pastonly.runner import Runner, is_out_of_memory
from pastonly.trace import metadata_of

TOKENS = np.arange(6).reshape(2, 3)
GOOD = {"layers.1.scores": np.full((2, 3, 4), 0.25, np.float32), "layers.1.experts": np.zeros((2, 3, 1), int)}


def run(returned, tokens=TOKENS, valid=None, **facts):
    return Runner(lambda tokens, valid: returned, Facts(vocab=8, **facts)).run(tokens, valid)


class Accepted(unittest.TestCase):
    def test_names_and_types(self):
        out = run({**GOOD, "layers.1.bias": np.zeros(4), "logprobs": np.full((2, 3), -1.0)})
        self.assertEqual(out["layers.1.experts"].dtype, np.int32)
        self.assertEqual(out["layers.1.bias"].dtype, np.float32)
        self.assertTrue(np.isnan(out["logprobs"][:, 0]).all())
        self.assertTrue((out["logprobs"][:, 1:] == -1).all())

    def test_flattened_arrays_follow_the_layout(self):
        values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
        experts = np.zeros((6, 1), int)
        batch = run({"layers.1.scores": values.reshape(6, 4), "layers.1.experts": experts})
        np.testing.assert_array_equal(batch["layers.1.scores"], values)
        sequence = run({"layers.1.scores": values.swapaxes(0, 1).reshape(6, 4), "layers.1.experts": experts},
                       layout="sequence-major")
        np.testing.assert_array_equal(sequence["layers.1.scores"], values)

    def test_padding_may_hold_anything(self):
        valid = np.uint8([[0, 1, 1], [1, 1, 1]])
        scores = GOOD["layers.1.scores"].copy()
        scores[0, 0] = np.nan
        out = run({**GOOD, "layers.1.scores": scores, "logprobs": np.full((2, 3), -1.0)}, valid=valid)
        self.assertTrue((out["layers.1.scores"][0, 0] == 0).all())
        np.testing.assert_array_equal(np.isnan(out["logprobs"]), [[True, True, False], [True, False, False]])

    def test_what_a_model_takes_is_read_from_its_signature(self):
        facts = Facts(vocab=8)
        for model in (lambda tokens: GOOD, lambda tokens, valid: GOOD, lambda tokens, valid, seed: GOOD, lambda tokens, **more: GOOD):
            self.assertIn("layers.1.scores", Runner(model, facts).run(TOKENS))
        with self.assertRaisesRegex(ModelError, "padding"):
            Runner(lambda tokens: GOOD, facts).run(TOKENS, np.uint8([[0, 1, 1], [1, 1, 1]]))

    def test_equal_seeds_give_equal_draws(self):
        runner = Runner(toy.Toy(noise=1.0), toy.Toy().facts)
        first, again, other = (runner.run(TOKENS, seed=seed)["layers.0.logits"] for seed in (3, 3, 4))
        np.testing.assert_array_equal(first, again)
        self.assertFalse(np.array_equal(first, other))

    def test_metadata(self):
        said = metadata_of(Facts(vocab=8, compute="bfloat16", rule="top-k,k=2", mode="train"))
        self.assertEqual((said["vocab"], said["compute"], said["rule"], said["mode"]), ("8", "bfloat16", '"top-k,k=2"', "train"))


class Refused(unittest.TestCase):
    def refused(self, words, returned, **how):
        with self.assertRaisesRegex(ModelError, words):
            run(returned, **how)

    def test_each_names_the_key_and_what_was_expected(self):
        scores, experts = GOOD["layers.1.scores"], GOOD["layers.1.experts"]
        infinite = scores.copy()
        infinite[1, 2, 3] = np.nan
        self.refused(r"list; expected a dict", [])
        self.refused(r"nothing to judge", {})
        self.refused(r"layers.1.score: unknown name", {"layers.1.score": scores})
        self.refused(r"layers.1: expected mask or experts", {"layers.1.scores": scores})
        self.refused(r"layers.1.scores: shape \(3, 3, 4\); expected \(2, 3, N\)", {**GOOD, "layers.1.scores": np.zeros((3, 3, 4))})
        self.refused(r"layers.1.scores: .* row 1, position 2; expected finite", {**GOOD, "layers.1.scores": infinite})
        self.refused(r"layers.1.scores: type int64; expected floats", {**GOOD, "layers.1.scores": scores.astype(int)})
        self.refused(r"layers.1.experts: type float32; expected whole", {**GOOD, "layers.1.experts": experts.astype(np.float32)})
        self.refused(r"layers.1.experts: holds 4; expected ids from 0 to 3", {**GOOD, "layers.1.experts": experts + 4})
        self.refused(r"layers.1.mask: .*zeros and ones", {**GOOD, "layers.1.mask": np.full((2, 3, 4), 2)})
        self.refused(r"one number of experts, got scores: 4, mask: 5", {**GOOD, "layers.1.mask": np.ones((2, 3, 5))})
        self.refused(r"facts.experts: 6", GOOD, experts=6)
        self.refused(r"layers.1.gates: shape \(2, 3, 3\)", {**GOOD, "layers.1.gates": np.zeros((2, 3, 3))})
        self.refused(r"layers \[1\] were returned; expected \[1, 2\]", GOOD, layers=(1, 2))
        self.refused(r"logprobs: shape \(2, 2\); expected \(2, 3\)", {"logprobs": np.zeros((2, 2))})
        self.refused(r"logprobs: 0.5 at row 0, position 1", {"logprobs": np.full((2, 3), 0.5)})
        self.refused(r"logprobs: nan at row 0, position 1", {"logprobs": np.full((2, 3), np.nan)})
        with self.assertRaisesRegex(ModelError, "ids from 0 to 5; expected 0 to 3"):
            Runner(lambda tokens: GOOD, Facts(vocab=4)).run(TOKENS)

    def test_facts(self):
        for words, facts in ((r"Facts.mode: expected one of train, eval, got 'x'", {"mode": "x"}), ("Facts.compute", {"compute": "int8"}),
                             ("Facts.layout", {"layout": "x"}), ("Facts.stage", {"stage": "x"})):
            with self.assertRaisesRegex(ValueError, words):
                Facts(vocab=8, **facts)
        with self.assertRaisesRegex(ValueError, "Facts.vocab"):
            Facts(vocab=0)

    def test_out_of_memory_is_known(self):
        class OutOfMemoryError(RuntimeError):
            """As torch names its own."""
        self.assertTrue(is_out_of_memory(OutOfMemoryError()))
        self.assertTrue(is_out_of_memory(MemoryError()))
        self.assertTrue(is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")))
        self.assertFalse(is_out_of_memory(RuntimeError("shapes differ")))


if __name__ == "__main__":
    unittest.main()

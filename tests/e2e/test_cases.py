"""What people have: small checkpoints and traces made after public reports (shared/cases), and the right answer."""

import json
import pathlib
import shutil
import tempfile
import unittest

from program import SHARED, audit, run

CASES = SHARED.parent / "cases"


def oddities(report):
    return " ".join(f["message"] for f in report["findings"] if f["check"] == "trace-integrity")


class Cases(unittest.TestCase):
    def checked(self, case, *more, expect=0):
        return audit(CASES / case, "--check", "causal-mask", "--check", "trace-integrity", *more, expect=expect)

    def refused(self, *arguments, says):
        done = run("audit", *arguments)
        self.assertEqual(done.returncode, 2, done.stdout)
        for part in says:
            self.assertIn(part, done.stderr)

    def test_eight_bits_do_not_name_more_experts_than_they_can(self):
        folder = CASES / "21-uint8-expert-ids"
        for name in ("u8wrapped", "u8wrapped_k2"):
            self.refused(folder / f"{name}.npy", "--batch", 4, "--experts", 512, says=["U8", "256", "512"])
        self.refused(folder / "i8.npy", "--batch", 4, "--experts", 256, says=["I8", "128", "256"])
        audit(folder / "u16.npy", "--batch", 4, "--experts", 512, expect=3)

    def test_engines_leave_the_last_token_out_or_fill_its_row(self):
        folder = CASES / "20-routed-experts-last-token"
        for name in ("engine", "zero_filled", "sentinel"):
            done = run("compare", folder / f"{name}.npy", folder / "train.safetensors", "--batch", 4, "--experts", 16, "-o", "json")
            self.assertEqual(done.returncode, 0, done.stderr)
            told = json.loads(done.stdout)
            self.assertEqual(told["tokens"], 128)
            self.assertEqual(told["last_position_left_out"], name == "engine")
            self.assertEqual([layer["same_experts"]["value"] for layer in told["layers"]], [1.0] * 3)
        for name in ("zero_filled", "sentinel"):
            report = audit(folder / f"{name}.npy", "--batch", 4, "--experts", 16, expect=3)
            self.assertEqual(report["subject"]["tokens"], 128)

    def test_scales_of_zero_are_said_and_experts_one_by_one_refused(self):
        self.assertNotIn("zeros", oddities(self.checked("24-mxfp4-zero-scales/good")))
        self.assertIn("nothing but zeros in 'model.layers.0.mlp.experts.down_proj_blocks' times "
                      "'model.layers.0.mlp.experts.down_proj_scales', in 4 of 4 matrices",
                      oddities(self.checked("24-mxfp4-zero-scales/zeroed")))
        self.refused(CASES / "24-mxfp4-zero-scales/per-expert", says=["one by one in MXFP4", "experts.0."])

    def test_tensors_beside_the_model(self):
        for name, word in (("base", None), ("inv_freq", None), ("lm_head_same", None), ("kv_scales", "quantised cache"),
                           ("lm_head_other", "tie_word_embeddings")):
            with self.subTest(name=name):
                said = oddities(self.checked(f"38-harmless-extra-tensors/{name}"))
                self.assertEqual("tie_word" in said, name == "lm_head_other")
                if word:
                    self.assertIn(word, said)

    def test_keys_that_transformers_fills(self):
        """Routes of a model whose config.json leaves three keys out agree with what transformers recorded."""
        source = CASES / "39-missing-config-keys"
        with tempfile.TemporaryDirectory() as folder:
            for name in ("complete", "no_n_group", "no_topk_group", "no_scaling", "no_three"):
                copy = pathlib.Path(folder) / name
                copy.mkdir()
                shutil.copy(source / name / "config.json", copy)
                shutil.copy(source / "complete/model.safetensors", copy)  # where git keeps a link as text
                done = run("compare", copy, source / f"{name}.safetensors", "-o", "json")
                self.assertEqual(done.returncode, 0, (name, done.stdout, done.stderr))
                for layer in json.loads(done.stdout)["layers"]:
                    self.assertEqual(layer["routes_kept"]["value"], 1.0, (name, layer))
                    self.assertLess(layer["score_drift"]["value"], 1e-5, (name, layer))

    def test_what_audits_of_traces_say(self):
        rollout = audit(CASES / "19-r3-dense-layer-shift/rollout.npy", "--batch", 4, "--experts", 32, expect=3)
        self.assertEqual([layer["index"] for layer in rollout["layers"]], [2, 3, 4, 5])
        filled = audit(CASES / "20-routed-experts-last-token/zero_filled.npy", "--batch", 4, "--experts", 16, expect=3)
        self.assertIn("4 tokens name expert 0 in every choice", oddities(filled))


if __name__ == "__main__":
    unittest.main()

"""What people have: small checkpoints and traces made after public reports (shared/cases), and the right answer."""

import json
import pathlib
import shutil
import tempfile
import unittest

from program import SHARED, audit, compare, figures, run

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
                report = compare(copy, source / f"{name}.safetensors", expect=0)
                self.assertEqual(set(figures(report, "routes_kept")), {1.0}, name)
                self.assertLess(max(figures(report, "score_drift")), 1e-5, name)

    def compared(self, case, first, second, *more, expect=0, says=()):
        report = compare(CASES / case / first, CASES / case / second, *more, expect=expect)
        told = " ".join(finding["message"] for finding in report["findings"])
        for part in says:
            self.assertIn(part, told)
        return report

    def test_padding_is_no_part_of_attention(self):
        for first, second in (("alone.safetensors", "padded.safetensors"), ("ckpt", "padded.safetensors")):
            report = self.compared("08-left-padding-mixtral", first, second)
            self.assertEqual(set(figures(report, "routes_kept")), {1.0})
        # Run without the mask: another model, so to speak.
        self.compared("08-left-padding-mixtral", "ckpt", "padded-nomask.safetensors", expect=1)

    def test_gates_and_losses_that_differ_under_equal_routes(self):
        case = "14-olmoe-renormalised-port"
        self.compared(case, "ckpt", "right.safetensors")
        for first, second in (("ckpt", "port.safetensors"), ("ckpt", "ckpt-norm")):
            report = self.compared(case, first, second, expect=1, says=["The second's gates are the first's divided by their sum"])
            self.assertEqual({finding["claim"] for finding in report["findings"] if finding["severity"] == "error"},
                             {"gate-mismatch", "loss-mismatch"})
            self.assertEqual(figures(report, "routes_kept"), [1.0])
        self.compared(case, "right.safetensors", "rawlogits.safetensors", expect=1, says=["gates of 100% of the tokens"])

    def test_the_mask_of_groups(self):
        case = "16-group-mask-zero"
        self.compared(case, "dsv3", "dsv3-inf.safetensors")
        self.compared(case, "glm4", "glm4-524.safetensors")
        for model, record in (("dsv3", "dsv3-zero-stable"), ("dsv3-mild", "dsv3-mild-zero-stable")):
            self.compared(case, model, f"{record}.safetensors", expect=1, says=["group_mask=zero", "group_mask=inf", "Layer 1 is the first"])
            self.compared(case, model, f"{record}.safetensors", "--rule",
                          "group-limited-top-k,k=4,groups=4,topk_groups=2,group_score=top2,group_mask=zero")

    def test_records_of_engines(self):
        case, flat = "19-r3-dense-layer-shift", ("--batch", 4, "--experts", 32)
        report = self.compared(case, "rollout.npy", "train_by_position.safetensors", *flat, says=["layer 2 of the first is layer 0 of the second"])
        self.assertEqual(figures(report, "routes_kept"), [1.0] * 4)
        self.compared(case, "rollout_moe_only.npy", "train.safetensors", *flat, says=["layer 0 of the first is layer 2 of the second"])
        self.compared(case, "rollout.npy", "train.safetensors", *flat)
        case, flat = "20-routed-experts-last-token", ("--batch", 4, "--experts", 16)
        for name, says in (("engine", "the first lacks the last 1 token of every row"), ("sentinel", "4 tokens have no decision in some layer"),
                           ("zero_filled", "4 tokens name expert 0 in every choice")):
            report = self.compared(case, f"{name}.npy", "train.safetensors", *flat, says=[says])
            self.assertEqual(report["subject"]["tokens"], 128)
            self.assertEqual(figures(report, "same_experts"), [1.0] * 3)
        for name in ("zero_filled", "sentinel"):
            report = audit(CASES / case / f"{name}.npy", *flat, expect=3)
            self.assertEqual(report["subject"]["tokens"], 128)

    def test_what_audits_of_traces_say(self):
        rollout = audit(CASES / "19-r3-dense-layer-shift/rollout.npy", "--batch", 4, "--experts", 32, expect=3)
        self.assertEqual([layer["index"] for layer in rollout["layers"]], [2, 3, 4, 5])
        filled = audit(CASES / "20-routed-experts-last-token/zero_filled.npy", "--batch", 4, "--experts", 16, expect=3)
        self.assertIn("4 tokens name expert 0 in every choice", oddities(filled))


if __name__ == "__main__":
    unittest.main()

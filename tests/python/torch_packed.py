"""Packed rows of torch models: which types of transformers keep the documents of a row apart, and what goes wrong.

The lists of docs/python.md are written from it: PASTONLY_WRITE_TABLE=1.
"""

import os
import unittest
from unittest import mock

import numpy as np
import torch

import tiny_models
import toy  # noqa: F401: the path of the package
import pastonly
from pastonly.adapters.hf import HF
from pastonly.adapters.torch import Torch
from torch_dense import build
from torch_families import write_or_compare

BINARY = os.environ.get("PASTONLY_BINARY")
BEGIN, END = "<!-- packed: written by tests/python/torch_packed.py -->\n", "<!-- /packed -->\n"
TOKENS = np.random.default_rng(5).integers(0, tiny_models.VOCAB, (4, 24))


def judged(model):
    report = pastonly.audit(model, positions=24, batch=4, quiet=True)
    return report, {f["check"] for f in report.findings if f["claim"] in ("flip", "change", "noise-by-place")}


class Attention(torch.nn.Module):
    """One layer of attention; `masked`: documents of a row do not see each other."""

    def __init__(self, masked):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.mixed, self.head, self.masked = torch.nn.Embedding(64, 16), torch.nn.Linear(16, 48), torch.nn.Linear(16, 64), masked

    def forward(self, tokens, documents=None):
        x = self.embed(tokens)
        q, k, v = self.mixed(x).chunk(3, -1)
        seen = torch.tril(torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool))
        if self.masked and documents is not None:
            seen = seen & (documents[:, :, None] == documents[:, None])
        return self.head(x + torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen))


def isolates(adapter):
    """Whether a document is answered in a packed row as it is alone, and the same whatever the others are. The first of a row has
    none before it: the others tell."""
    model = pastonly.packed(adapter)
    others = (TOKENS + 1) % tiny_models.VOCAB
    others[-1] = TOKENS[-1]
    with torch.no_grad():
        one, other = model(TOKENS)["predictions"][-1], model(others)["predictions"][-1]
        alone = adapter(TOKENS[-1:])["predictions"][0].numpy()
    return bool(np.abs(one - other).max() < 1e-4 and np.abs(one - alone).max() < 1e-4)


class Types(unittest.TestCase):
    def test_all(self):
        """Every causal type that a tiny configuration builds, and that takes positions."""
        found = {"apart": [], "mixed": [], "not tried": []}
        for name in [*tiny_models.moe_types(), *tiny_models.dense_types()]:
            adapter = HF(tiny_models.build(name)) if name in tiny_models.moe_types() else build(name)
            try:
                found["apart" if isolates(adapter) else "mixed"].append(name)
            except Exception:  # noqa: BLE001: not built, or it takes no position_ids
                found["not tried"].append(name)
        lines = [f"- {kind} ({len(names)}): {', '.join(f'`{name}`' for name in sorted(names))}" for kind, names in found.items()]
        write_or_compare(BEGIN, END, "\n".join(lines) + "\n")


@unittest.skipUnless(BINARY, "PASTONLY_BINARY names no program")
class Verdicts(unittest.TestCase):
    def test_positions_that_begin_anew(self):
        """In attention both of eager and sdpa."""
        for attention in ("eager", "sdpa"):
            model = tiny_models.build("olmoe")
            model.set_attn_implementation(attention)
            with self.subTest(attention=attention):
                report, found = judged(pastonly.packed(model))
                self.assertEqual((report.verdict, found), ("pass", set()), report.text)

    def test_a_mask_of_ones_switches_the_separation_off(self):
        """A pitfall of transformers: where an attention_mask is given, positions that begin anew say nothing."""
        adapter = HF(tiny_models.build("olmoe"))
        whole = adapter._pass
        with mock.patch.object(adapter, "_pass", lambda ids, **given: whole(ids, attention_mask=torch.ones_like(ids), **given)):
            report, found = judged(pastonly.packed(adapter))
        self.assertIn("batch-isolation", found, report.text)
        self.assertNotIn("causal-mask", found, report.text)

    def test_a_torch_module(self):
        for masked in (True, False):
            model = Torch(Attention(masked), vocab=64, call=lambda model, tokens, documents: model(tokens, documents))
            report, found = judged(pastonly.packed(model))
            self.assertEqual("batch-isolation" in found, not masked, report.text)
            self.assertNotIn("causal-mask", found)
        with self.assertRaisesRegex(ValueError, "a packed row needs Torch"):
            pastonly.packed(Torch(Attention(True), vocab=64))(TOKENS)


if __name__ == "__main__":
    unittest.main()

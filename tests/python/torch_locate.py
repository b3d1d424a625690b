"""A model without routers that looks ahead: the report names the first module that does."""

import os
import unittest
from unittest import mock

import torch

import tiny_models  # noqa: F401: one thread
import toy  # noqa: F401: the path of the package
import pastonly
import transformers
from pastonly.adapters.hf import HF
from pastonly.adapters.torch import Torch
from torch_adapters import look_ahead

BINARY = os.environ.get("PASTONLY_BINARY")
VOCAB, WIDTH = 32, 16


class Attention(torch.nn.Module):
    def __init__(self, ahead):
        super().__init__()
        self.mixed, self.out, self.ahead = torch.nn.Linear(WIDTH, 3 * WIDTH), torch.nn.Linear(WIDTH, WIDTH), ahead

    def forward(self, x):
        size = x.shape[1]
        seen = torch.ones(size, size, dtype=torch.bool).tril(1 if self.ahead else 0)
        return self.out(torch.nn.functional.scaled_dot_product_attention(*self.mixed(x).chunk(3, -1), attn_mask=seen))


class Convolution(torch.nn.Module):
    """Over three tokens, those before one and itself; `ahead`: the one after it too."""

    def __init__(self, ahead):
        super().__init__()
        self.conv, self.ahead = torch.nn.Conv1d(WIDTH, WIDTH, 3), ahead

    def forward(self, x):
        padded = torch.nn.functional.pad(x.transpose(1, 2), (1, 1) if self.ahead else (2, 0))
        return self.conv(padded).transpose(1, 2)


class Norm(torch.nn.Module):
    """`ahead`: by the mean over all tokens."""

    def __init__(self, ahead):
        super().__init__()
        self.ahead = ahead

    def forward(self, x):
        return x / (1 + (x.square().mean((1, 2), keepdim=True) if self.ahead else x.square().mean(2, keepdim=True)))


class Block(torch.nn.Module):
    def __init__(self, leak):
        super().__init__()
        self.attention, self.norm, self.conv = Attention(leak == "attention"), Norm(leak == "norm"), Convolution(leak == "conv")
        self.leak = leak

    def forward(self, x):
        x = x + self.attention(x)
        if self.leak == "block":
            x = x + 0.1 * x.flip(1)
        return x + self.conv(self.norm(x))


class Model(torch.nn.Module):
    """Six blocks; `leak` in block `at`, or in the embedding, in the head's module, or beside it in the model's own code."""

    def __init__(self, leak=None, at=0):
        super().__init__()
        torch.manual_seed(3)
        self.embed, self.head, self.leak = torch.nn.Embedding(VOCAB, WIDTH), torch.nn.Linear(WIDTH, VOCAB), leak
        self.blocks = torch.nn.ModuleList(Block(leak if at == number else None) for number in range(6))
        if leak == "head module":
            self.head = torch.nn.Sequential(self.head, Mixing())

    def forward(self, tokens):
        x = self.embed(tokens)
        if self.leak == "before the blocks":
            x = x + 0.1 * x.roll(-1, 1)
        for block in self.blocks:
            x = block(x)
        said = self.head(x)
        return said + 0.1 * said.mean(1, keepdim=True) if self.leak == "head" else said


class Mixing(torch.nn.Module):
    def forward(self, x):
        return x + 0.1 * x.flip(1)


@unittest.skipUnless(BINARY, "PASTONLY_BINARY names no program")
class FirstLayer(unittest.TestCase):
    def audited(self, model):
        report = pastonly.audit(model, positions=20, batch=4, quiet=True, checks=["causal-mask"])
        self.assertEqual(report.verdict, "fail", report.text)
        return report

    def test_blocks(self):
        for at in (0, 3, 5):
            for leak, module, inside in (("attention", ".attention", ".attention.out"), ("conv", ".conv", None), ("norm", ".norm", None),
                                         ("block", "", ".norm")):
                with self.subTest(leak=leak, at=at):
                    report = self.audited(Torch(Model(leak, at), vocab=VOCAB))
                    self.assertEqual(report.first_layer, f"blocks.{at}{module}", report.text)
                    expected = f"First layer: blocks.{at}{module} ({type(Model(leak, at).get_submodule(f'blocks.{at}{module}')).__name__})"
                    self.assertIn(expected + (f", before blocks.{at}{inside}." if inside else "."), report.text)

    def test_outside_the_blocks(self):
        report = self.audited(Torch(Model("before the blocks"), vocab=VOCAB))
        self.assertEqual(report.first_layer, "")
        self.assertIn("First layer: the model itself (Model), before blocks.0.", report.text)
        for leak, said in (("head", "the model itself (Model)."), ("head module", "head.1 (Mixing).")):
            report = self.audited(Torch(Model(leak), vocab=VOCAB))
            self.assertIsNone(report.first_layer)
            self.assertIn(f"First layer: nothing before the logits differs; what looks ahead is {said}", report.text)

    def test_a_clean_model_has_none(self):
        report = pastonly.audit(Torch(Model(), vocab=VOCAB), positions=20, batch=4, quiet=True, checks=["causal-mask"])
        self.assertEqual((report.verdict, report.first_layer), ("pass", None))
        self.assertNotIn("First layer", report.text)

    def test_half_precision(self):
        for at in (0, 5):
            report = self.audited(Torch(Model("attention", at).bfloat16(), vocab=VOCAB))
            self.assertEqual(report.first_layer, f"blocks.{at}.attention")

    def test_transformers(self):
        """Only the last layer of four is given a mask that shows the next token."""
        from transformers.models.llama import modeling_llama
        torch.manual_seed(0)
        config = transformers.LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
                                          num_key_value_heads=2, bos_token_id=None, eos_token_id=None)
        model = transformers.LlamaForCausalLM._from_config(config, attn_implementation="eager").eval()
        with look_ahead(modeling_llama):
            report = self.audited(model)
        self.assertEqual(report.first_layer, "model.layers.0.self_attn", report.text)
        attention = model.model.layers[3].self_attn
        original = attention.forward
        attention.forward = lambda hidden_states, **more: original(hidden_states=hidden_states, **{**more, "attention_mask": None})
        report = self.audited(HF(model))
        self.assertEqual(report.first_layer, "model.layers.3.self_attn", report.text)
        self.assertIn("model.layers.3.self_attn (LlamaAttention), before model.layers.3.self_attn.o_proj", report.text)

    def test_what_cannot_be_located_is_said(self):
        with mock.patch("pastonly.adapters.torch_locate._pair", lambda *given: None):
            report = self.audited(Torch(Model("attention"), vocab=VOCAB))
        self.assertIsNone(report.first_layer)
        self.assertIn("First layer: not located.", report.text)
        with mock.patch("pastonly.adapters.torch_locate._calls", side_effect=MemoryError("no room")):
            report = self.audited(Torch(Model("attention"), vocab=VOCAB))
        self.assertIn("First layer: not located, MemoryError: no room", report.text)


if __name__ == "__main__":
    unittest.main()

"""Every causal type of transformers that has experts: what HF captures, whether it is what the model used, what an audit says.

The table of docs/python.md is written from it: PASTONLY_WRITE_TABLE=1. PASTONLY_FAMILIES=olmoe,mixtral tries only these.
"""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

import tiny_models
import toy
from pastonly import record
from pastonly.adapters.hf import HF
from pastonly.runner import Runner

BINARY = os.environ.get("PASTONLY_BINARY")
PAGE = toy.ROOT / "docs/python.md"
BEGIN, END = "<!-- families: written by tests/python/torch_families.py -->\n", "<!-- /families -->\n"

# Not causal by their own code: the comment in modeling_doge.py says so.
LEAKS = {"doge"}
# Draws its experts in training mode (sparsemixer).
SAMPLES = {"phimoe"}
SCORES = {"softmax": lambda x: np.exp(x - x.max(-1, keepdims=True)) / np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True),
          "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "sqrt softplus": lambda x: np.sqrt(np.log1p(np.exp(x)))}


def mask_of(trace, layer):
    """(tokens, N), 1 where an expert has an effect."""
    def get(kind):
        values = trace.get(f"layers.{layer}.{kind}")
        return None if values is None else values.reshape(-1, values.shape[-1])
    mask, experts, gates = get("mask"), get("experts"), get("gates")
    if mask is None:
        wide = get("logits").shape[1]
        mask = np.zeros((len(experts), wide), int)
        kept = np.ones(experts.shape, int) if gates is None else (gates != 0).astype(int)
        np.maximum.at(mask, (np.arange(len(experts))[:, None], experts), kept)
    elif gates is not None:
        mask = mask * (gates != 0)
    return mask


def score_function(trace, layer):
    """The name of what made the scores of the logits, '' where there are none; an error where none did."""
    logits, scores = (trace.get(f"layers.{layer}.{kind}") for kind in ("logits", "scores"))
    if scores is None:
        return ""
    fits = [name for name, function in SCORES.items() if np.abs(function(logits.astype(np.float64)) - scores).max() < 1e-6]
    if len(fits) != 1:
        raise AssertionError(f"layer {layer}: the scores are no function of the logits that is known")
    return fits[0]


def experts_that_act(adapter, tokens, block, experts):
    """(tokens, N): whether the block's output changes at a token when the weights of an expert do. None where it has no
    weights of single experts, or is not called."""
    outputs = []
    hook = block.module.register_forward_hook(
        lambda module, inputs, output: outputs.append((output[0] if isinstance(output, tuple) else output).detach().double().clone()))
    router = {id(values) for values in (block.router.parameters() if block.router is not None else ())}
    stacks = [values.view(experts, -1) for values in block.module.parameters()
              if values.dim() >= 2 and values.shape[0] % experts == 0 and id(values) not in router and _of_experts(block, values, experts)]
    acts = []
    with torch.no_grad():
        adapter(tokens)
        for expert in range(experts if outputs and stacks else 0):
            before = [stack[expert].clone() for stack in stacks]
            for stack in stacks:
                stack[expert].mul_(1.5).add_(0.05)
            adapter(tokens)
            for stack, old in zip(stacks, before):
                stack[expert].copy_(old)
            acts.append(((outputs[-1] - outputs[0]).abs().amax(-1) > 1e-7 * outputs[0].abs().max()).reshape(-1).numpy())
    hook.remove()
    return np.stack(acts, -1) if acts else None


def _of_experts(block, values, experts):
    """Weights of the experts' module; or, where they are no module, a row or a matrix for each."""
    if block.experts is None:
        return values.shape[0] == experts
    return any(values is other for other in block.experts.parameters())


def audit(adapter, folder, **how):
    toy.write_plan(folder, **{**dict(rows=8, positions=40, vocab=tiny_models.VOCAB, cuts=(1, 7, 19, 31), grouped=45), **how})
    record(adapter, folder, log=lambda text: None)
    path = Path(folder) / "report.json"
    done = subprocess.run([BINARY, "audit", str(folder), "--quiet", "-o", f"json={path}"], capture_output=True, text=True, timeout=300)
    if "holds no routing" in done.stderr:
        raise unittest.SkipTest("this program judges no recordings without routing")
    if not path.exists():
        raise AssertionError(done.stderr)
    return json.loads(path.read_text())


def rules_of(report):
    return sorted({layer["rule"]["id"] for layer in report["layers"] if layer.get("rule")})


class Families(unittest.TestCase):
    rows = {}

    def family(self, name):
        adapter = HF(tiny_models.build(name))
        self.assertTrue(adapter.facts.layers, "no routing was found")
        tokens = np.random.default_rng(3).integers(0, tiny_models.VOCAB, (2, 24))
        trace = Runner(adapter, adapter.facts).run(tokens)
        made = {score_function(trace, layer) for layer in adapter.facts.layers}
        kinds = {key.split(".", 2)[2] for key in trace if key.startswith("layers.")}
        place = 1 if name == "jetmoe" else 0  # its first are experts of attention, mapped and not called
        mask = mask_of(trace, adapter.facts.layers[place])
        acts = experts_that_act(adapter, tokens, adapter._blocks[place], 16 if name == "doge" else 8)
        if acts is not None:
            np.testing.assert_array_equal(acts, mask[:, :acts.shape[1]].astype(bool), "experts that act at a token")
        self.in_training(name, adapter.model, tokens, trace)
        with tempfile.TemporaryDirectory() as folder:
            report = audit(adapter, Path(folder) / "plan", **({"rows": 1, "grouped": 320} if name in LEAKS else {})) if BINARY else None
        self.rows[name] = (made, kinds, acts is not None, report, adapter)
        if report is not None:
            self.assertEqual(report["verdict"], "fail" if name in LEAKS else "pass", report["verdict_reasons"])

    def in_training(self, name, model, tokens, evaluated):
        """Training mode without noise routes as evaluation mode does, unless the rule draws; and equal seeds draw equally."""
        adapter = HF(model, mode="train")
        first, again, other = (Runner(adapter, adapter.facts).run(tokens, seed=seed) for seed in (1, 1, 2))
        self.assertEqual(sorted(first), sorted(evaluated))
        self.assertEqual(adapter.facts.noisy, name in SAMPLES)
        for key, values in first.items():
            np.testing.assert_array_equal(values, again[key], key)
            if name not in SAMPLES:
                np.testing.assert_array_equal(values, other[key], key)
                np.testing.assert_array_equal(values, evaluated[key], key)
        if name in SAMPLES:
            self.assertFalse(np.array_equal(first["layers.0.experts"], other["layers.0.experts"]))

    @classmethod
    def tearDownClass(cls):
        if BINARY is None or len(cls.rows) < len(tiny_models.moe_types()):
            return
        write_or_compare(BEGIN, END, table_of(cls.rows))


def write_or_compare(begin, end, text):
    """What stands in docs/python.md between two marks is what was measured."""
    before, rest = PAGE.read_text().split(begin)
    written, after = rest.split(end)
    if os.environ.get("PASTONLY_WRITE_TABLE"):
        PAGE.write_text(before + begin + text + end + after)
        return
    missing = [line for line in text.splitlines() if line not in written.splitlines()]
    assert not missing, "docs/python.md lacks (PASTONLY_WRITE_TABLE=1 writes it):\n" + "\n".join(missing)


def table_of(rows):
    """Markdown, a row for every type. `used`: the selection is the one whose experts act."""
    lines = ["| model type | selection | used | gates | logits | scores | selection bias | rule named | verdict |", "|---|---|---|---|---|---|---|---|---|"]
    for name, (made, kinds, acts, report, adapter) in sorted(rows.items()):
        yes = {kind: "yes" if kind in kinds else "-" for kind in ("gates", "logits", "bias")}
        lines.append(f"| `{name}` | {'mask' if 'mask' in kinds else 'experts'} | {'yes' if acts else '-'} | {yes['gates']} | {yes['logits']} | "
                     f"{', '.join(sorted(made - {''})) or '-'} | {yes['bias']} | {', '.join(rules_of(report)) or '-'} | {report['verdict']} |")
    return "\n".join(lines) + "\n"


def _add(name):
    setattr(Families, f"test_{name}", lambda self: self.family(name))


for _name in (os.environ.get("PASTONLY_FAMILIES") or "").split(",") if os.environ.get("PASTONLY_FAMILIES") else tiny_models.moe_types():
    _add(_name)


if __name__ == "__main__":
    unittest.main()

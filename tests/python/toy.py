"""A small model in NumPy, and plans for it: what is expected is then known to the byte."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src/python"))

from pastonly import Facts, safetensors  # noqa: E402

VOCAB, EXPERTS, LAYERS, K = 64, 8, (0, 2), 2


class Toy:
    """Every token takes its two best experts of scores that follow from the tokens up to it; `leaky` adds all later ones."""

    def __init__(self, leaky=False, seconds=0.0, noise=0.0, **facts):
        self.leaky, self.seconds, self.noise = leaky, seconds, noise
        self.facts = Facts(vocab=VOCAB, layers=LAYERS, experts=EXPERTS, top_k=K, producer="toy", name="Toy", **facts)
        draw = np.random.default_rng(7)
        self.weights = {layer: draw.normal(size=(VOCAB, EXPERTS)) for layer in LAYERS}
        self.unembed = draw.normal(size=(EXPERTS, VOCAB))

    def __call__(self, tokens, valid, seed):
        time.sleep(self.seconds)
        real = np.ones(tokens.shape) if valid is None else valid
        out = {}
        for layer, weights in self.weights.items():
            own = weights[tokens] * real[..., None]
            seen = np.cumsum(own, 1)
            if self.leaky:
                seen = np.broadcast_to(seen[:, -1:], own.shape)
            logits = own + 0.3 * seen / np.sqrt(1 + np.arange(tokens.shape[1]))[:, None]
            logits += self.noise * np.random.normal(size=logits.shape)
            scores = np.exp(logits - logits.max(-1, keepdims=True))
            scores /= scores.sum(-1, keepdims=True)
            best = np.argsort(-scores, -1, kind="stable")[..., :K]
            out[f"layers.{layer}.logits"] = logits.astype(np.float32)
            out[f"layers.{layer}.scores"] = scores.astype(np.float32)
            out[f"layers.{layer}.experts"] = best
            out[f"layers.{layer}.gates"] = np.take_along_axis(scores, best, -1).astype(np.float32)
        predicted = logits @ self.unembed
        predicted = predicted - np.log(np.exp(predicted).sum(-1, keepdims=True))
        out["logprobs"] = np.full(tokens.shape, np.nan)
        out["logprobs"][:, 1:] = np.take_along_axis(predicted[:, :-1], tokens[:, 1:, None], -1)[..., 0]
        return out


def build():
    return Toy()


def build_slow():
    return Toy(seconds=float(os.environ.get("TOY_SECONDS", "0.05")))


def write_plan(folder, rows=4, positions=64, vocab=VOCAB, cuts=(19, 38, 47, 61), draws=2, more=(), seed=1, padding=0, left=False,
               repeats=2, grouped=40):
    """plan.json and the inputs of a good plan (docs/guide.md). `padding`: so many tokens of the last row. `grouped`: runs in
    which every row is redrawn from a cut of its own."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    base, runs = draw.integers(0, vocab, (rows, positions)), []
    valid = np.ones(base.shape, np.uint8)
    if padding:
        valid[-1, :padding] = 0 if left else 1
        valid[-1, -padding:] = 1 if left else 0

    def add(tokens, **what):
        number = len(runs)
        runs.append({"id": number, **what})
        told = {"tokens": tokens.astype(np.int64)}
        if what["kind"] == "stream":
            told["valid"] = np.zeros(tokens.shape, np.uint8)
            told["valid"][what["rows"], what["every"] - 1::what["every"]] = 1
        elif padding:
            told["valid"] = np.pad(valid, ((0, 0), (0, tokens.shape[1] - positions)), constant_values=1)
        safetensors.write(folder / f"{number:04}.in.safetensors", told, {"schema": "pastonly.tokens/1"})

    add(base, kind="base")
    for _ in range(repeats):
        add(base, kind="repeat", base=0)
    for i, cut in enumerate(cuts):
        for resample in range(draws):
            tokens = base.copy()
            row = i % rows
            tokens[row, cut:] = draw.integers(0, vocab, positions - cut)
            tokens[row, cut] = (base[row, cut] + 1 + draw.integers(0, vocab - 1)) % vocab
            add(tokens, kind="suffix", base=0, cut=cut, rows=[row], resample=resample)
    for resample in range(grouped):
        own = [int(cut) for cut in draw.integers(1, positions - (padding or 1), rows)]
        tokens = base.copy()
        for row, cut in enumerate(own):
            tokens[row, cut:] = draw.integers(0, vocab, positions - cut)
            tokens[row, cut] = (base[row, cut] + 1 + draw.integers(0, vocab - 1)) % vocab
        add(tokens, kind="suffix", base=0, cuts=own, rows=list(range(rows)), resample=resample)
    others = draw.integers(0, vocab, base.shape)
    others[:2] = base[:2]
    if not padding and rows > 2:
        add(others, kind="batch", base=0, keep=[0, 1])
        order = list(reversed(range(rows)))
        add(base[order], kind="order", base=0, permutation=order)
    for what in more:
        add(base, **what)
    (folder / "plan.json").write_text(json.dumps({"schema": "pastonly.plan/1", "runs": runs}))
    return runs

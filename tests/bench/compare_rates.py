#!/usr/bin/env python3
"""How often `compare` fails sound pairs of noisy recordings, and finds planted differences: PASTONLY.

Top-k of normal logits in four layers; each side has its own relative noise of 2^-9, as bfloat16 leaves it. Planted: a share of one
layer's decisions of the second drawn anew. Prints the table of docs/checks/same-routes.md; takes a minute.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src/python"))

from pastonly import safetensors  # noqa: E402

ROWS, LAYERS, NOISE = 16, 4, 2.0**-9
METADATA = {"schema": "pastonly.trace/1", "mode": "eval", "stage": "selected", "layout": "batch-major", "compute": "bfloat16"}


def side(seed, which, positions, experts, chosen, planted):
    tensors = {"tokens": np.random.default_rng(seed).integers(0, 1000, (ROWS, positions))}
    for layer in range(LAYERS):
        clean = np.random.default_rng([seed, layer]).standard_normal((ROWS, positions, experts))
        logits = clean * (1 + NOISE * np.random.default_rng([seed, layer, 10 + which]).standard_normal(clean.shape))
        heights = logits
        if which == 1 and layer == 1 and planted:
            anew = np.random.default_rng([seed, 7]).random((ROWS, positions, 1)) < planted
            heights = np.where(anew, np.random.default_rng([seed, 8]).standard_normal(clean.shape), logits)
        mask = np.zeros(clean.shape, np.uint8)
        np.put_along_axis(mask, np.argsort(-heights, -1)[..., :chosen], 1, -1)
        scores = np.exp(logits)
        tensors |= {f"layers.{layer}.scores": (scores / scores.sum(-1, keepdims=True)).astype(np.float32), f"layers.{layer}.mask": mask}
    return tensors


def fails(binary, folder, *shape):
    paths = [folder / "first.safetensors", folder / "second.safetensors"]
    for which, path in enumerate(paths):
        safetensors.write(path, side(shape[0], which, *shape[1:]), METADATA)
    done = subprocess.run([binary, "compare", *paths, "-q", "-o", f"json={folder}/report.json"], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(done.stderr)
    return done.returncode == 1


def main():
    with tempfile.TemporaryDirectory() as name:
        for positions, experts, chosen, planted, pairs in ((64, 16, 2, 0, 60), (512, 16, 2, 0, 20), (512, 64, 6, 0, 20),
                                                           (64, 16, 2, 0.02, 40), (64, 16, 2, 0.005, 40)):
            failed = sum(fails(sys.argv[1], pathlib.Path(name), seed, positions, experts, chosen, planted) for seed in range(pairs))
            print(f"{ROWS * positions} tokens, {chosen} of {experts} experts, planted {planted:.1%}: {failed} of {pairs} fail", flush=True)


if __name__ == "__main__":
    main()

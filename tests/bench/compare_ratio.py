#!/usr/bin/env python3
"""Two recordings of 1 GB held against each other, against NumPy: PASTONLY [REPEATS].

131,072 tokens, 24 layers, 64 experts: scores in float32 and masks; the second with noise in its scores, so that near ties differ. The
peer reads both into memory and counts routes kept and the drift of scores, no more. Prints seconds and ratios, and for scale what
reading alone costs: a megabyte at a time, into memory, and with the SHA-256 that a report states of every file (OpenSSL, one file
after the other). All from a warm cache.
"""
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from timing import timed

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src/python"))

from pastonly import safetensors  # noqa: E402

ROWS, POSITIONS, LAYERS, EXPERTS, CHOSEN = 64, 2048, 24, 64, 8


def write(path, noise):
    scores_of, noise_of = np.random.default_rng(1), np.random.default_rng(2)
    tensors = {"tokens": np.random.default_rng(3).integers(0, 32000, (ROWS, POSITIONS))}
    for layer in range(LAYERS):
        scores = scores_of.random((ROWS, POSITIONS, EXPERTS), np.float32)
        if noise:
            scores = np.abs(scores + noise * noise_of.standard_normal(scores.shape, np.float32))
        mask = np.zeros(scores.shape, np.uint8)
        np.put_along_axis(mask, np.argpartition(-scores, CHOSEN, -1)[..., :CHOSEN], 1, -1)
        tensors |= {f"layers.{layer}.scores": scores, f"layers.{layer}.mask": mask}
    safetensors.write(path, tensors, {"schema": "pastonly.trace/1", "mode": "eval", "stage": "dispatched", "layout": "batch-major"})


def read(*paths):
    for path in paths:
        with open(path, "rb") as file:
            while file.read(1 << 20):
                pass


def read_whole(*paths):
    return [np.fromfile(path, np.uint8) for path in paths]


def hashed(*paths):
    for path in paths:
        with open(path, "rb") as file:
            hashlib.file_digest(file, "sha256") if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read())


def counted(first, second):
    """Routes kept, and total variation of the scores, by layer."""
    (one, _), (other, _) = safetensors.read(first), safetensors.read(second)
    figures = []
    for layer in range(LAYERS):
        masks = [side[f"layers.{layer}.mask"] for side in (one, other)]
        scores = [side[f"layers.{layer}.scores"].astype(np.float64) for side in (one, other)]
        shares = [values / values.sum(-1, keepdims=True) for values in scores]
        figures.append(((masks[0] & masks[1]).sum() / masks[0].sum(), np.abs(shares[0] - shares[1]).sum(-1).mean() / 2))
    return figures


def main():
    binary, repeats = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        first, second = pathlib.Path(folder) / "first.safetensors", pathlib.Path(folder) / "second.safetensors"
        write(first, 0.0)
        write(second, 1e-4)

        def compare():
            done = subprocess.run([binary, "compare", first, second, "-q", "-o", f"json={folder}/report.json"], capture_output=True, text=True)
            if done.returncode not in (0, 1):
                sys.exit(done.stderr)

        compare()
        expected = counted(first, second)
        measurements = json.loads(pathlib.Path(folder, "report.json").read_text())["checks"][0]["measurements"]
        for name, place in (("routes_kept", 0), ("score_drift", 1)):
            found = [m["value"] for m in measurements if m["name"] == name and m["layer"] is not None]
            if not np.allclose(found, [figures[place] for figures in expected], atol=1e-6):
                sys.exit(f"{name}: {found}, NumPy has {expected}")
        comparing, peer = timed(compare, repeats), timed(lambda: counted(first, second), repeats)
        alone = {name: timed(lambda: reading(first, second), repeats)
                 for name, reading in (("in blocks", read), ("into memory", read_whole), ("with SHA-256", hashed))}
        size = (first.stat().st_size + second.stat().st_size) / 1e9
    print(f"pastonly compare of {size:.2f} GB, from start to report: {comparing:.2f} s")
    print(f"NumPy {np.__version__}, routes kept and drift alone: {peer:.2f} s (pastonly takes x{comparing / peer:.2f} of it)")
    for name, seconds in alone.items():
        print(f"reading both {name}: {seconds:.2f} s (pastonly takes x{comparing / seconds:.2f} of it)")


if __name__ == "__main__":
    main()

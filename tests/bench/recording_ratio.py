#!/usr/bin/env python3
"""What it costs to record a model that costs nothing: PASTONLY [REPEATS].

8 x 2,048 tokens, 48 layers, 64 experts, 8 per token: logits, experts and gates, as an adapter returns them. Of the Python side
(checks, file) the peer is numpy's tofile of the same bytes at the same place; of the C++ side, which reads the answer and compares
it, hashlib's BLAKE2 of the file. From both follows how long a batch must take for recording to stay below 5% of it.
"""
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from timing import timed

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src/python"))

from pastonly import Facts, safetensors  # noqa: E402
from pastonly.runner import Runner  # noqa: E402
from pastonly.trace import metadata_of  # noqa: E402

ROWS, POSITIONS, LAYERS, EXPERTS, CHOSEN, VOCAB = 8, 2048, 48, 64, 8, 32000
SHARE = 0.05


def null_model():
    """Top-k of drawn logits, made once."""
    rng = np.random.default_rng(1)
    answer = {}
    for layer in range(LAYERS):
        logits = rng.normal(size=(ROWS, POSITIONS, EXPERTS)).astype(np.float32)
        chosen = np.argsort(-logits, -1)[..., :CHOSEN]
        scores = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        answer |= {f"layers.{layer}.logits": logits, f"layers.{layer}.experts": chosen.astype(np.int16),
                   f"layers.{layer}.gates": np.take_along_axis(scores, chosen, -1)}
    return lambda tokens: answer


def main():
    binary, repeats = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    model = null_model()
    facts = Facts(vocab=VOCAB, layers=range(LAYERS), experts=EXPERTS, top_k=CHOSEN)
    runner = Runner(model, facts)
    tokens = np.random.default_rng(2).integers(0, VOCAB, (ROWS, POSITIONS))
    with tempfile.TemporaryDirectory() as folder:
        path, plain = pathlib.Path(folder) / "out.safetensors", pathlib.Path(folder) / "plain"

        def record():
            safetensors.write(path, runner.run(tokens), metadata_of(facts))

        def write():
            with open(plain, "wb") as file:
                for values in model(tokens).values():
                    values.tofile(file)

        def audit():
            done = subprocess.run([binary, "audit", path, "--check", "trace-integrity", "-q", "-o", f"json={folder}/report.json"],
                                  capture_output=True, text=True)
            if done.returncode not in (0, 1, 3):
                sys.exit(done.stderr)

        def digest():
            with open(path, "rb") as file:
                hashlib.file_digest(file, "blake2b")

        record()
        write()
        recorded, written, audited, hashed = (timed(work, repeats) for work in (record, write, audit, digest))
        megabytes = os.path.getsize(path) / 1e6
    total = recorded + audited
    print(f"{ROWS} x {POSITIONS} tokens, {LAYERS} layers, {EXPERTS} experts, {CHOSEN} per token: {megabytes:.0f} MB a batch")
    print(f"Python side, checks and file: {recorded:.3f} s, numpy's tofile {written:.3f} s (x{recorded / written:.2f})")
    print(f"C++ side, from start to report: {audited:.3f} s, BLAKE2 {hashed:.3f} s (x{audited / hashed:.2f})")
    print(f"below {SHARE:.0%} of the model's own time where a batch takes more than {total / SHARE:.1f} s "
          f"({ROWS * POSITIONS * SHARE / total:,.0f} tokens a second)")


if __name__ == "__main__":
    main()

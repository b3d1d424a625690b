#!/usr/bin/env python3
"""The load of every expert at a checkpoint's step, against numpy.bincount on the same ids: PASTONLY [REPEATS].

262,144 tokens, 8 layers, 64 experts, 8 per token, Zipf-like loads. Both count what stands in the same file; the audit also
measures shares over time, entropy, idle and hot experts, and draws its charts. Prints seconds and ratios.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

SEQUENCES, POSITIONS, LAYERS, EXPERTS, CHOSEN = 64, 4096, 8, 64, 8


def write(path):
    rng = np.random.default_rng(1)
    popularity = np.log(1.0 / np.arange(1, EXPERTS + 1))
    arrays = {}
    for layer in range(LAYERS):
        order = popularity + rng.gumbel(size=(SEQUENCES * POSITIONS, EXPERTS))
        chosen = np.argpartition(-order, CHOSEN, axis=1)[:, :CHOSEN]
        arrays[f"layers.{layer}.experts"] = chosen.reshape(SEQUENCES, POSITIONS, CHOSEN).astype(np.uint8)
    np.savez(path, **arrays)


def counted(path):
    with np.load(path) as file:
        return [np.bincount(file[f"layers.{layer}.experts"].ravel(), minlength=EXPERTS) for layer in range(LAYERS)]


def timed(work, repeats):
    seconds, result = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


def main():
    binary, repeats = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 9
    with tempfile.TemporaryDirectory() as folder:
        path, report_path = pathlib.Path(folder) / "step.npz", pathlib.Path(folder) / "report.json"
        write(path)
        command = [binary, "audit", path, "--experts", str(EXPERTS), "--layout", "batch-major", "--check", "load-balance",
                   "-o", f"json={report_path}", "-q"]
        numpy_seconds, counts = timed(lambda: counted(path), repeats)
        whole, _ = timed(lambda: subprocess.run(command, check=False), repeats)
        check = next(c for c in json.loads(report_path.read_text())["checks"] if c["id"] == "load-balance")
        found = {m["layer"]: m["value"] for m in check["measurements"] if m["name"] == "max_violation"}
        for layer, count in enumerate(counts):
            expected = count.max() * EXPERTS / count.sum() - 1
            if abs(found[layer] - expected) > 1e-9:
                sys.exit(f"layer {layer}: max_violation {found[layer]}, numpy has {expected}")
        print(f"numpy {np.__version__}, reading and bincount: {numpy_seconds:.3f} s")
        print(f"load-balance alone: {check['seconds']:.3f} s (x{check['seconds'] / numpy_seconds:.2f})")
        print(f"pastonly audit --check load-balance, from start to report: {whole:.3f} s (x{whole / numpy_seconds:.2f})")


if __name__ == "__main__":
    main()

"""Plans as docs/guide.md describes them, answered by a model in this process and judged by the program."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from pastonly import safetensors
from pastonly.plan import record

BINARY = os.environ.get("PASTONLY_BINARY", "pastonly")
# No two cuts, nor their differences, share a divisor with a likely chunk; the early ones serve sequence-major batches.
CUTS = (1, 2, 19, 38, 47, 53)


def write_plan(folder, vocab, rows=8, positions=64, special=(), seed=1, redraw=False):
    """base, repeats, redrawn suffixes of one row each, another batch, another order, appended tokens."""
    draw = np.random.default_rng(seed)
    folder = Path(folder)
    folder.mkdir(parents=True)
    base, runs = draw.integers(0, vocab, (rows, positions)), []

    def run(tokens, **what):
        safetensors.write(folder / f"{len(runs):04}.in.safetensors", {"tokens": tokens.astype(np.int64)},
                          {"schema": "pastonly.tokens/1"})
        runs.append({"id": len(runs), **what})

    def redrawn(tokens):
        return draw.integers(0, vocab, tokens.shape)

    run(base, kind="base")
    for _ in range(3):
        run(base, kind="repeat", base=0)
    for number in range(2 * len(CUTS)):
        cut, row = CUTS[number % len(CUTS)], number % rows
        for resample in (0, 1):
            changed = base.copy()
            changed[row, cut:] = redrawn(changed[row, cut:])
            run(changed, kind="suffix", base=0, cut=cut, rows=[row], resample=resample)
    keep = [0, 1]
    changed = redrawn(base)
    changed[keep] = base[keep]
    run(changed, kind="batch", base=0, keep=keep)
    order = list(reversed(range(rows)))
    run(base[order], kind="order", base=0, permutation=order)
    run(np.concatenate([base, redrawn(base[:, :14])], axis=1), kind="length", base=0, append=14)
    if redraw:
        run(base, kind="redraw", base=0, seed=7)
    (folder / "plan.json").write_text(json.dumps({"schema": "pastonly.plan/1", "model": {"vocab": vocab}, "runs": runs}))


def audit(model, keep=None, policy="ci", **plan):
    """(report, exit code, text, seconds of recording, seconds of the audit). `keep`: a folder for the plan."""
    work = Path(tempfile.mkdtemp(prefix="pastonly-engines-"))
    try:
        began = time.monotonic()
        write_plan(work / "plan", model.facts.vocab, special=model.facts.special, **plan)
        record(model, work / "plan", log=lambda text: None)
        recorded = time.monotonic()
        ran = subprocess.run([BINARY, "audit", "plan", "--policy", policy, "-q", "--color", "never", "-o", "text",
                              "-o", "json=report.json"], cwd=work, capture_output=True, text=True)
        audited = time.monotonic()
        if not (work / "report.json").exists():
            raise RuntimeError(f"pastonly ended with {ran.returncode}: {ran.stderr}{ran.stdout}")
        if keep:
            shutil.rmtree(keep, ignore_errors=True)
            shutil.copytree(work, keep)
            (Path(keep) / "report.txt").write_text(ran.stdout)
        return (json.loads((work / "report.json").read_text()), ran.returncode, ran.stdout,
                recorded - began, audited - recorded)
    finally:
        shutil.rmtree(work)

#!/usr/bin/env python3
"""Seconds that an audit takes to read plan.json and say that nothing of it was recorded, by size: linear if each line
doubles the one before. Usage: plan_size.py build/release/pastonly"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

MEGABYTE = 2**20


def runs(size):
    """Suffix runs of a base, a hundred bytes each."""
    suffix = '{{"id": {}, "kind": "suffix", "base": 0, "cut": 19, "rows": [0], "resample": {}}}'
    return ['{"id": 0, "kind": "base"}'] + [suffix.format(i, i) for i in range(1, size // 80)]


def rows(size):
    """One run with a cut of its own in every row."""
    count = size // 10
    return ['{"id": 0, "kind": "base"}', json.dumps({"id": 1, "kind": "suffix", "base": 0, "resample": 0,
                                                     "cuts": [1] * count, "rows": list(range(count))})]


def order(size):
    return ['{"id": 0, "kind": "base"}', json.dumps({"id": 1, "kind": "order", "base": 0,
                                                     "permutation": list(range(size // 9))})]


def keys(size):
    """A run with ever more unknown keys, which is refused."""
    return ["{" + ", ".join(f'"key{i}": 0' for i in range(size // 16)) + "}"]


with tempfile.TemporaryDirectory() as folder:
    plan = pathlib.Path(folder) / "plan.json"
    for kind in (runs, rows, order, keys):
        for size in (1, 2, 4, 7):
            plan.write_text('{"schema": "pastonly.plan/1", "runs": [' + ", ".join(kind(size * MEGABYTE)) + "]}")
            began = time.monotonic()
            done = subprocess.run([sys.argv[1], "audit", folder, "-q"], capture_output=True)
            print(f"{kind.__name__:6} {plan.stat().st_size / MEGABYTE:5.2f} MiB  {time.monotonic() - began:6.2f} s  "
                  f"exit {done.returncode}", flush=True)

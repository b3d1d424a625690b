#!/usr/bin/env python3
"""Stands in for the C++ program in tests of pastonly.audit: asks two runs and writes a report of what it was told."""

import json
import os
import sys
import tempfile

sys.path.insert(0, os.environ["TOY_PACKAGE"])

import numpy as np  # noqa: E402

from pastonly import safetensors  # noqa: E402

words = sys.argv[1:]
behaviour = os.environ.get("TOY_STUB", "pass")
read, write = map(int, words[words.index("--attach") + 1].split(","))
answers, asks = os.fdopen(read, "rb"), os.fdopen(write, "wb")
hello = json.loads(answers.readline())
if behaviour == "refuse":
    sys.exit("pastonly: no such policy")
with tempfile.TemporaryDirectory() as folder:
    got = []
    for number in (1, 2):
        safetensors.write(f"{folder}/in", {"tokens": np.arange(8).reshape(2, 4)}, {"schema": "pastonly.tokens/1"})
        asks.write(json.dumps({"type": "run", "id": number, "seed": 1, "in": f"{folder}/in", "out": f"{folder}/out{number}"}).encode() + b"\n")
        asks.flush()
        got.append(json.loads(answers.readline()))
        if behaviour == "die":
            os.kill(os.getpid(), 9)
outputs = dict(word.split("=", 1) for flag, word in zip(words, words[1:]) if flag == "-o")
with open(outputs["json"], "w", encoding="utf-8") as file:
    json.dump({"verdict": behaviour, "findings": [], "hello": hello, "answers": got, "words": words}, file)
with open(outputs["text"], "w", encoding="utf-8") as file:
    file.write(f"Verdict: {behaviour}\n")
sys.exit({"pass": 0, "fail": 1}[behaviour])

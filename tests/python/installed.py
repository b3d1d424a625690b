"""What an installed wheel does, seen from an environment that holds nothing else."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pastonly
from pastonly.binary import find_binary

site = Path(pastonly.__file__).parents[1]
assert "site-packages" in str(site), site
binary = Path(find_binary())
assert site in binary.parents, binary
assert binary.read_bytes()[:4] == b"\x7fELF", binary
said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
assert said.startswith(f"pastonly {pastonly.__version__} "), said
libraries = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
for name in ("libtbb", "libzip", "libfmt", "libhwy", "libcrypto", "libpcre2-8", "libutf8proc", "libyaml-cpp"):
    line = next(line for line in libraries.splitlines() if name in line)
    assert "pastonly.libs" in line, line

weights = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")


def route(tokens):
    logits = weights[tokens]
    return {"layers.0.logits": logits, "layers.0.experts": np.argsort(-logits, -1)[..., :2]}


def leaky(tokens):
    logits = weights[tokens] + weights[tokens].mean(1, keepdims=True)
    return {"layers.0.logits": logits, "layers.0.experts": np.argsort(-logits, -1)[..., :2]}


verdicts = [pastonly.audit(model, vocab=32, positions=32, batch=4, checks=["causal-mask"], quiet=True).verdict for model in (route, leaky)]
assert verdicts == ["pass", "fail"], verdicts
print(f"installed in {site}, Python {sys.version.split()[0]}: {', '.join(verdicts)}")

"""Every snippet of docs/python.md and docs/guide.md is executed: python blocks in one namespace, or as the file that they name; sh blocks
as they stand."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import torch

import tiny_models
import toy

BINARY = os.environ.get("PASTONLY_BINARY")
PAGE = (toy.ROOT / "docs/python.md").read_text()
BLOCKS = re.findall(r"```(python|sh)\n(.*?)```", PAGE, re.DOTALL)


def attaches():
    return BINARY and "--attach" in subprocess.run([BINARY, "audit", "--help"], capture_output=True, text=True).stdout


@unittest.skipUnless(attaches(), "PASTONLY_BINARY names no program that can be attached")
class Snippets(unittest.TestCase):
    def test_all(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            Path("bin").mkdir()
            os.symlink(BINARY, "bin/pastonly")
            environment = {**os.environ, "PYTHONPATH": f"{toy.ROOT / 'src/python'}:{folder}", "OMP_NUM_THREADS": "1",
                           "PATH": f"{folder}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"}
            files = [text for kind, text in BLOCKS if kind == "python" and text.startswith("# ")]
            for text in files:
                Path(text.split("\n")[0][2:]).write_text(text)
            sys.path.insert(0, folder)
            self.addCleanup(sys.path.remove, folder)
            self.snippets(environment)
            self.run_file(Path("test_my_model.py"))

    def snippets(self, environment):
        names, ran = {}, 0
        download = mock.patch("transformers.AutoModelForCausalLM.from_pretrained", lambda name: tiny_models.build("olmoe"))
        for kind, text in BLOCKS:
            if text.startswith("# "):
                continue
            if kind == "sh":
                done = subprocess.run(["sh", "-c", text], env=environment, capture_output=True, text=True, timeout=300)
                self.assertEqual(done.returncode, 0, f"{text}\n{done.stdout}\n{done.stderr}")
            else:
                with download, contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(text, "docs/python.md", "exec"), names)
            ran += 1
        self.assertGreaterEqual(ran, 4)
        self.assertEqual(names["report"].verdict, "pass")
        self.assertEqual(len(list(Path("plan").glob("*.out.safetensors"))), len(list(Path("plan").glob("*.in.safetensors"))))

    def run_file(self, path):
        names = {}
        exec(compile(path.read_text(), path.name, "exec"), names)
        tests = [value for name, value in names.items() if name.startswith("test_")]
        self.assertTrue(tests)
        for test in tests:
            test()


def executed(block, names):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(block, "docs/guide.md", "exec"), names)
    return printed.getvalue()


class HandMade(torch.nn.Module):
    """The model that the guide records by hand: routers return scores and an assignment."""

    class Router(torch.nn.Linear):
        def forward(self, x):
            scores = super().forward(x).softmax(-1)
            return scores, torch.zeros_like(scores).scatter(-1, scores.topk(2, -1).indices, 1.0)

    def __init__(self):
        super().__init__()
        self.embed, self.head = torch.nn.Embedding(40, 16), torch.nn.Linear(16, 40)
        self.layers = torch.nn.ModuleList(torch.nn.Module() for _ in range(2))
        for layer in self.layers:
            layer.moe = torch.nn.Module()
            layer.moe.router, layer.moe.experts = HandMade.Router(16, 4), torch.nn.Linear(4, 16)

    def forward(self, tokens):
        x = self.embed(tokens)
        for layer in self.layers:
            x = x + x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]
            scores, mask = layer.moe.router(x)
            x = x + layer.moe.experts(scores * mask)
        return self.head(x)


@unittest.skipUnless(attaches(), "PASTONLY_BINARY names no program that can be attached")
class Guide(unittest.TestCase):
    def test_all(self):
        blocks = re.findall(r"```python\n(.*?)```", (toy.ROOT / "docs/guide.md").read_text(), re.DOTALL)
        self.assertEqual(len(blocks), 3)
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            shown = executed(blocks[0], {"model": tiny_models.build("olmoe")})
            self.assertTrue(shown.startswith("PASS"), shown)
            subprocess.run([BINARY, "plan", "plan", "--vocab", "40", "--batch", "4", "--positions", "32"], check=True,
                           stdout=subprocess.DEVNULL)
            executed(blocks[1], {"model": HandMade()})
            done = subprocess.run([BINARY, "audit", "plan", "--policy", "release", "-o", "json=report.json", "-q"])
            report = json.loads(Path("report.json").read_text())
            self.assertEqual((done.returncode, report["verdict"]), (0, "pass"), report["verdict_reasons"])
            self.assertLess(report["detection_limit"]["trial_rate"], 0.015)
            self.assertEqual([layer["rule"]["id"] for layer in report["layers"]], ["top-k", "top-k"])
            executed(blocks[2], {"model": tiny_models.build("olmoe"), "tokens": torch.randint(0, 32, (8, 16))})
            done = subprocess.run([BINARY, "audit", "logits.npz", "--batch", "8", "--top-k", "2"], capture_output=True)
            self.assertEqual(done.returncode, 3, done.stderr)


if __name__ == "__main__":
    unittest.main()

"""Every snippet of docs/python.md is executed: python blocks in one namespace, or as the file that they name; sh blocks as they stand."""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

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
            toy.write_plan("plan", vocab=32, rows=4, positions=32, cuts=(3, 11), grouped=20)
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
                self.assertIn(done.returncode, (0, 3), f"{text}\n{done.stdout}\n{done.stderr}")
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


if __name__ == "__main__":
    unittest.main()

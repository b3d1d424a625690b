"""pastonly audit CHECKPOINT --record DIRECTORY: interrupted at any moment, the same command goes on and says the same."""

import array
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from program import BINARY, ROOT, run
from test_checkpoint import write

SHAPE = ("--positions", "32", "--budget", "16384")


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Resumed(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.root = pathlib.Path(self.directory.name)
        self.checkpoint = write(self.root / "model")
        self.twin = write(self.root / "twin", seed=2)

    def command(self, folder, *more):
        return [BINARY, "audit", str(self.checkpoint), "--twin", str(self.twin), *SHAPE, "--record", str(folder),
                "-o", f"json={self.root / 'report.json'}", *more]

    def finished(self, folder, *more):
        """The report without times, and what was said."""
        done = subprocess.run(self.command(folder, *more), cwd=ROOT, capture_output=True, text=True, timeout=600)
        self.assertIn(done.returncode, (0, 1, 3), done.stderr)
        report = json.loads((self.root / "report.json").read_text())
        del report["run"]
        for check in report["checks"]:
            del check["seconds"]
        return report, done.stderr

    def cut(self, folder, how, seals, *more):
        """Ends an audit once so many runs are kept; exit code and what was said."""
        process = subprocess.Popen(self.command(folder, *more), cwd=ROOT, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        while process.poll() is None and self.kept(folder) < seals:
            time.sleep(0.001)
        process.send_signal(how)
        said = process.communicate(timeout=120)[1]
        if process.returncode in (0, 1, 3):
            self.skipTest("the audit was faster than the signal")
        return process.returncode, said

    @staticmethod
    def kept(folder):
        try:
            return sum(name.endswith(".json") and name != "recording.json" for name in os.listdir(folder / "unfinished"))
        except FileNotFoundError:  # not yet, or no longer
            return 0

    def test_interrupted_it_goes_on_to_the_same(self):
        whole, said = self.finished(self.root / "whole")
        self.assertNotIn("continuing", said)
        self.assertIn(f"{self.root / 'whole'} is now a plan directory", said)
        folder = self.root / "cut"
        for how, seals in ((signal.SIGINT, 20), (signal.SIGKILL, 45), (signal.SIGTERM, 70)):
            code, said = self.cut(folder, how, seals)
            self.assertEqual(code, -how if how == signal.SIGKILL else 130, said)
            self.assertFalse((folder / "plan.json").exists())
            self.assertGreaterEqual(self.kept(folder), seals)
            self.assertIn("was interrupted or still runs: repeat its command", run("audit", folder).stderr)
            if how != signal.SIGKILL:
                self.assertIn(f"interrupted; repeat the same command to continue from the runs in {folder}", said)
        kept = self.kept(folder)
        again, said = self.finished(folder)
        self.assertIn(f"continuing from {kept} runs of an interrupted audit in {folder}", said)
        self.assertEqual(again, whole)
        self.assertEqual(files(folder), files(self.root / "whole"))

    def test_killed_again_and_again_at_odd_moments(self):
        whole, _ = self.finished(self.root / "whole")
        folder, moments = self.root / "cut", random.Random(7)
        for _ in range(15):
            process = subprocess.Popen(self.command(folder, "--quiet"), cwd=ROOT, stderr=subprocess.DEVNULL)
            self.addCleanup(process.kill)
            time.sleep(moments.uniform(0.0, 0.15))
            process.kill()
            process.wait()
            if (folder / "plan.json").exists():
                self.skipTest("the audit was faster than its end")
        # A writer that was killed in the middle of its work.
        (folder / "0001.out.safetensors.99999-0.tmp").write_bytes(b"half")
        (folder / "0002.out.safetensors").write_bytes(b"half")
        again, _ = self.finished(folder)
        self.assertEqual(again, whole)
        self.assertEqual(files(folder), files(self.root / "whole"))

    def test_without_a_recording_it_says_what_would_have_helped(self):
        process = subprocess.Popen([BINARY, "audit", str(self.checkpoint)], cwd=ROOT, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=120)[1]
        if process.returncode != 130:
            self.skipTest("the audit was faster than the signal")
        self.assertIn("with --record DIRECTORY the runs are kept", said)

    def test_it_goes_on_only_with_the_same(self):
        ids = self.root / "ids.bin"
        ids.write_bytes(array.array("H", [random.Random(2).randrange(24) for _ in range(3000)]).tobytes())
        tokens = ("--tokens", f"nanogpt:{ids}")
        folder = self.root / "plan"
        self.cut(folder, signal.SIGINT, 10, *tokens)
        kept = files(folder)

        def refused(says, *arguments):
            done = run("audit", *arguments, "--record", folder)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn(says, done.stderr)
            self.assertIn("repeat the earlier command", done.stderr)
            self.assertEqual(files(folder), kept)

        same = (self.checkpoint, "--twin", self.twin, *SHAPE, *tokens)
        refused("seed is '0' in the earlier recording and '5' in this audit", *same, "--seed", 5)
        refused("rule is 'declared'", *same, "--rule", "top-k,k=2")
        refused("positions is '32'", self.checkpoint, "--twin", self.twin, "--positions", 16, "--budget", 16384, *tokens)
        refused("batch is '8'", *same, "--batch", 4)
        refused("layout is", *same, "--layout", "sequence-major")
        refused("budget is '16384'", self.checkpoint, "--twin", self.twin, "--positions", 32, "--budget", 4096, *tokens)
        refused("source is 'none'", *same, "--source", "uniform:24")
        refused("twin is", self.checkpoint, *SHAPE, *tokens)
        refused("tokens is", self.checkpoint, "--twin", self.twin, *SHAPE)
        refused("checkpoint is", write(self.root / "other"), "--twin", self.twin, *SHAPE, *tokens)
        for path in (self.checkpoint / "model.safetensors", self.twin / "config.json", ids):
            times = path.stat()
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
            refused(f"{path} is", *same)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        done = subprocess.run(self.command("plan", *tokens), cwd=self.root, capture_output=True, text=True, timeout=600)
        self.assertIn("continuing from", done.stderr)
        self.assertFalse((folder / "unfinished").exists())
        done = run("audit", *same, "--record", folder)
        self.assertEqual(done.returncode, 4)
        self.assertIn(f"already holds a plan (a finished recording): `pastonly audit {folder}` reads it", done.stderr)

    def test_what_cannot_be_written(self):
        folder = self.root / "plan"
        few = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        done = subprocess.run(self.command(folder), cwd=ROOT, capture_output=True, text=True, timeout=120,
                              preexec_fn=few, restore_signals=False)  # Python ignores SIGXFSZ, and so must the audit
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("0000.out.safetensors: cannot be written: File too large; earlier runs are kept: the same "
                      "command continues from them", done.stderr)
        self.finished(folder)

    def test_two_at_once(self):
        folder = self.root / "plan"
        first = subprocess.Popen(self.command(folder, "--quiet"), cwd=ROOT, stderr=subprocess.DEVNULL)
        self.addCleanup(first.kill)
        while not self.kept(folder):
            time.sleep(0.001)
        first.send_signal(signal.SIGSTOP)
        second = subprocess.run(self.command(folder), cwd=ROOT, capture_output=True, text=True, timeout=120)
        self.assertEqual(second.returncode, 2)
        self.assertIn("another pastonly works in this directory", second.stderr)
        first.kill()
        first.wait()
        self.finished(folder)
        shutil.rmtree(folder)


if __name__ == "__main__":
    unittest.main()

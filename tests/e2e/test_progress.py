"""What a user who waits is told: a bar on a terminal, lines elsewhere, nothing with -q."""

import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile
import unittest

from program import BINARY, ROOT, run

PROGRAM = ROOT / "tests/e2e/answering.py"


def slow(seconds, *options):
    return (BINARY, "audit", "--exec", f"{sys.executable} {PROGRAM} causal slow-{seconds}", "--batch", "4",
            "--positions", "48", *options)


def on_a_terminal(command, columns=100, **environment):
    """What the command writes to a terminal of its own, and its exit code."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(COLUMNS=str(columns), **environment)
        os.execv(command[0], [str(word) for word in command])
    said = b""
    while True:
        try:
            more = os.read(terminal, 1 << 16)
        except OSError:
            break
        if not more:
            break
        said += more
    os.close(terminal)
    return said.decode(), os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


class Progress(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.report = f"json={pathlib.Path(self.folder.name) / 'report.json'}"

    def test_a_bar_by_work_done(self):
        said, code = on_a_terminal(slow(0.03, "-o", self.report), TERM="xterm")
        self.assertEqual(code, 0, said)
        bars = re.findall(r"\r\x1b\[K(\[[#.]{20}\] +(\d+)% [^\r]*)", said)
        shares = [int(share) for _, share in bars]
        self.assertGreater(len(shares), 15)
        self.assertEqual(shares, sorted(shares), "it ran backwards")
        self.assertLess(shares[-1], 100)
        self.assertLessEqual(max(len(bar) for bar, _ in bars), 79, "longer than the terminal is wide")
        # 103 of some 250 runs are the plan's: they are not one check of 24.
        ends = [share for (bar, _), share in zip(bars, shares) if re.search(r"run \d+ of 103 of the plan", bar)]
        self.assertTrue(ends and 20 < ends[-1] < 80, ends)
        self.assertTrue(any(re.search(r"% \d+:\d\d left, ", bar) for bar, _ in bars), bars[-1])
        # Nothing of it is left on the screen.
        self.assertTrue(said.rstrip().split("\r\x1b[K")[-1].startswith("pastonly: toy causal: pass"), said[-300:])

    def test_lines_without_a_terminal(self):
        done = subprocess.run(slow(0.11, "-o", self.report), capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stderr.splitlines()
        self.assertRegex(lines[0], r"^pastonly: 103 runs of 4 x 48 tokens, then up to \d+ more where checks ask; "
                                   r"at 0\.1\d s each about 1\d s, \d+ s at most$")
        self.assertRegex(lines[1], r"^pastonly: \d+%, \d+:\d\d left: [a-z-]+: run \d+ (of 103 of|beyond) the plan$")
        self.assertNotIn("\x1b", done.stderr)
        self.assertNotIn("100%", done.stderr)

    def test_silent_where_asked(self):
        done = subprocess.run(slow(0.11, "-q", "-o", self.report), capture_output=True, text=True, timeout=300)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_no_escapes_on_a_dumb_terminal(self):
        said, code = on_a_terminal(slow(0.01, "-o", self.report), TERM="dumb")
        self.assertEqual(code, 0, said)
        self.assertNotIn("\x1b", said)

    def test_short_audits_say_nothing(self):
        done = run("audit", ROOT / "audits/examples/clean", "-o", self.report)
        self.assertEqual((done.returncode, done.stderr), (0, "pastonly: audits/examples/clean: pass\n"
                                                          .replace("audits/examples/clean", str(ROOT / "audits/examples/clean"))))


if __name__ == "__main__":
    unittest.main()

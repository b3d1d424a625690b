"""The real binary, as a user starts it."""

import json
import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ["PASTONLY_BINARY"]
SHARED = ROOT.parent / "shared" / "traces"
COMMANDS = ("audit", "lab", "bound", "rules", "explain", "report", "verify", "compare", "plan", "lint")


def run(*arguments, timeout=300, env=None, cwd=ROOT):
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          cwd=cwd, env={**os.environ, **(env or {})})


def audit(*arguments, expect=None):
    """The JSON report of an audit."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "report.json"
        done = run("audit", *arguments, "-o", f"json={path}", "--quiet")
        if expect is not None and done.returncode != expect:
            raise AssertionError(f"audit {arguments}: exit code {done.returncode}, expected {expect}\n{done.stderr}")
        return json.loads(path.read_text())


def compare(*arguments, expect=None):
    """The JSON report of a comparison."""
    done = run("compare", *arguments, "-o", "json", "--quiet")
    if expect is not None and done.returncode != expect:
        raise AssertionError(f"compare {arguments}: exit code {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def figures(report, name):
    """Of a comparison, by layer."""
    return [m["value"] for m in report["checks"][0]["measurements"] if m["name"] == name and m["layer"] is not None]


def findings(report, at_least=("error", "warning")):
    return {f["check"] for f in report["findings"] if f["severity"] in at_least and f["suppressed"] is None}

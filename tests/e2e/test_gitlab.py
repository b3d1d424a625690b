"""The job template for GitLab: its shape, and its script in the shells that runners use."""

import importlib.util
import json
import pathlib
import shutil
import subprocess
import unittest
from xml.etree import ElementTree

from program import ROOT
from test_action import Repository, small_wheel

PATH = ROOT / ".gitlab/pastonly.gitlab-ci.yml"
YAML = importlib.util.find_spec("yaml")
if YAML:
    import yaml


@unittest.skipUnless(YAML, "the Python package yaml is not installed (Debian: python3-yaml)")
class Template(Repository):
    def setUp(self):
        super().setUp()
        self.job = yaml.safe_load(PATH.read_text())[".pastonly"]

    def job_run(self, shell="sh", program=True, **variables):
        """As GitLab's runner: one shell for all lines of the script."""
        known = self.job["variables"]
        variables = {f"PASTONLY_{name.upper()}": value for name, value in variables.items()}
        self.assertLessEqual(set(variables), set(known))
        return subprocess.run([shell, "-c", "\n".join(self.job["script"])], cwd=self.workspace, capture_output=True, text=True, timeout=300,
                              env={**self.environment(program), **known, **variables})

    def report(self):
        return self.workspace / "pastonly-report"

    def test_shape(self):
        self.assertEqual(set(self.job), {"image", "variables", "script", "artifacts"})
        self.assertEqual(self.job["artifacts"]["when"], "always", "a failed audit is what there is to show")
        self.assertTrue(all(isinstance(value, str) for value in self.job["variables"].values()))
        page = (ROOT / "docs/ci.md").read_text()
        for name in self.job["variables"]:
            self.assertIn(f"`{name}`", page, "docs/ci.md lists it")

    def test_a_leaky_plan(self):
        for shell in filter(shutil.which, ("sh", "bash", "dash", "busybox")):
            with self.subTest(shell=shell):
                done = self.job_run(shell if shell != "busybox" else "sh", subject="plans/leaky plan", policy="release")
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("FAIL  plans/leaky plan", done.stdout)
                for kind, path in self.job["artifacts"]["reports"].items():
                    text = (self.workspace / path).read_text()
                    if kind == "junit":
                        self.assertGreater(len(ElementTree.fromstring(text).findall(".//failure")), 0)
                    else:
                        self.assertEqual(json.loads(text)[0]["location"]["path"], "plans/leaky plan/plan.json")
                self.assertEqual(json.loads((self.report() / "report.json").read_text())["verdict"], "fail")
                self.assertTrue((self.report() / "report.html").is_file())

    def test_other_verdicts(self):
        self.assertEqual(self.job_run(subject="plans/clean plan").returncode, 0)
        self.assertEqual(self.job_run(subject="plans/clean plan/0000.out.safetensors").returncode, 3)
        self.assertEqual(self.job_run(command="lint", subject="launch").returncode, 1)
        self.assertEqual(self.job_run(command="lint", subject="launch/clean run.sh").returncode, 0)
        self.assertEqual(self.job_run(command="compare", subject="plans/clean plan\nplans/leaky plan\n").returncode, 1)
        self.assertEqual(self.job_run(command="compare", subject="  plans/clean plan\r\n plans/leaky plan \r\n").returncode, 1)
        absent = self.job_run(subject="plans/absent")
        self.assertEqual(absent.returncode, 2)
        self.assertIn("plans/absent", absent.stderr)
        self.assertEqual(list(self.report().iterdir()), [], "no report of an earlier job is left")

    def test_arguments(self):
        done = self.job_run(subject="plans/clean plan", arguments="--seed 7 --check causal-mask\n-o 'svg=my charts.svg'")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.workspace / "my charts.svg").is_file())
        self.assertEqual(json.loads((self.report() / "report.json").read_text())["run"]["seed"], 7)
        self.assertEqual(self.job_run(subject="plans/clean plan", arguments="'open").returncode, 4)
        self.assertEqual(self.job_run(command="lint", subject="-o").returncode, 2, "a subject is no option")

    def test_no_variable_is_code(self):
        for name in ("command", "subject", "policy", "arguments", "wheel", "version"):
            done = self.job_run(**{"subject": "plans/clean plan", name: "$(touch owned)`touch owned`; touch owned & touch owned * x"})
            self.assertIn(done.returncode, (2, 4), f"{name}: {done.stdout}{done.stderr}")
            self.assertFalse((self.workspace / "owned").exists(), name)

    def test_installation(self):
        self.assertIn("no pastonly on the path", self.job_run(program=False, subject="plans/clean plan").stderr)
        (self.workspace / "my wheels").mkdir()
        small_wheel(self.workspace / "my wheels")
        done = self.job_run(program=False, subject="plans/clean plan", wheel="my wheels/*.whl")
        self.assertEqual(done.returncode, 0, done.stderr)
        shutil.copy(self.workspace / "my wheels/pastonly-0.1.0-py3-none-any.whl", self.workspace / "my wheels/other.whl")
        self.assertIn("fits 2 files", self.job_run(program=False, wheel="my wheels/*.whl").stderr)


if __name__ == "__main__":
    unittest.main()

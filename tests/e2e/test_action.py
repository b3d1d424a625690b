"""The GitHub action, run in a small repository as the runner would. What it uses of others is looked at, not run."""

import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

from program import BINARY, ROOT

FOLDER = ROOT / ".github/action"
YAML = importlib.util.find_spec("yaml")
if YAML:
    import yaml
    from runner import run_action

LEAKY_SCRIPT = "#!/bin/bash\ntorchrun pretrain_gpt.py --moe-expert-capacity-factor 1.0 --moe-token-drop-policy probs\n"
CLEAN_SCRIPT = "#!/bin/bash\ntorchrun pretrain_gpt.py --num-experts 8 --moe-router-topk 2\n"


def small_wheel(folder):
    """A wheel whose program is the one that is tested; it needs nothing else, and so no index."""
    path = folder / "pastonly-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        script = zipfile.ZipInfo("pastonly-0.1.0.data/scripts/pastonly")
        script.external_attr = 0o100755 << 16  # a regular file
        wheel.writestr(script, f"#!/bin/sh\nexec '{BINARY}' \"$@\"\n")
        information = "pastonly-0.1.0.dist-info/"
        wheel.writestr(information + "METADATA", "Metadata-Version: 2.1\nName: pastonly\nVersion: 0.1.0\n")
        wheel.writestr(information + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(information + "RECORD", "")
    return path


class Repository(unittest.TestCase):
    """A repository with a leaky and a clean script and plan, on a machine with pastonly on its path."""

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="runner "))
        self.addCleanup(shutil.rmtree, self.root)
        self.workspace = self.root / "my repository"
        (self.workspace / "launch").mkdir(parents=True)
        (self.workspace / "launch/leaky.sh").write_text(LEAKY_SCRIPT)
        (self.workspace / "launch/clean run.sh").write_text(CLEAN_SCRIPT)
        for name in ("leaky", "clean"):
            shutil.copytree(ROOT / "audits/examples" / name, self.workspace / "plans" / f"{name} plan")
        self.program = self.root / "program"
        self.program.mkdir()
        (self.program / "pastonly").symlink_to(pathlib.Path(BINARY).resolve())
        (self.root / "temporary").mkdir()

    def environment(self, program=True):
        python = self.root / "python"
        if not python.exists():
            python.mkdir()
            (python / "python3").symlink_to(sys.executable)
        parts = [*([str(self.program)] if program else []), str(python), "/usr/bin", "/bin"]
        return {"PATH": os.pathsep.join(parts), "RUNNER_TEMP": str(self.root / "temporary"), "HOME": str(self.root), "LANG": "C.UTF-8"}


@unittest.skipUnless(YAML, "the Python package yaml is not installed (Debian: python3-yaml)")
class Action(Repository):
    def act(self, program=True, **inputs):
        return run_action(FOLDER, {name.replace("_", "-"): value for name, value in inputs.items()}, self.workspace, self.environment(program))

    def test_a_leaky_plan_fails_and_all_of_it_is_shown(self):
        done = self.act(subject="plans/leaky plan", policy="release", upload_sarif="true")
        self.assertEqual(done.code, 1, done.log)
        self.assertEqual((done.outputs["verdict"], done.outputs["exit-code"]), ("fail", "1"))
        report = json.loads(pathlib.Path(done.outputs["report"]).read_text())
        self.assertEqual((report["verdict"], report["subject"]["name"]), ("fail", "plans/leaky plan"))
        self.assertIn("causal-mask", done.summary)
        self.assertIn("FAIL  plans/leaky plan", done.log)
        self.assertTrue(any(line.startswith("::error file=plans/leaky plan/plan.json,line=1,") for line in done.commands()), done.commands())
        sarif = json.loads(pathlib.Path(done.outputs["sarif"]).read_text())
        self.assertEqual(sarif["version"], "2.1.0")
        self.assertTrue(pathlib.Path(done.outputs["html"]).read_text().startswith("<!"))
        used = {name.split("@")[0]: given for name, given in done.used}
        self.assertEqual(used["github/codeql-action/upload-sarif"], {"sarif_file": done.outputs["sarif"], "category": "pastonly-audit"})
        kept = used["actions/upload-artifact"]
        self.assertEqual((kept["name"], kept["path"]), ("pastonly-audit", str(pathlib.Path(done.outputs["report"]).parent)))

    def test_a_clean_plan_passes(self):
        done = self.act(subject="plans/clean plan")
        self.assertEqual((done.code, done.outputs["verdict"]), (0, "pass"), done.log)
        self.assertEqual([name.split("@")[0] for name, _ in done.used], ["actions/upload-artifact"])
        self.assertEqual(self.act(subject="plans/clean plan", upload_artifact="false").used, [])

    def test_lint(self):
        done = self.act(command="lint", subject="launch")
        self.assertEqual((done.code, done.outputs["verdict"]), (1, "fail"), done.log)
        self.assertTrue(any("file=launch/leaky.sh,line=2" in line for line in done.commands()), done.commands())
        self.assertEqual(self.act(command="lint", subject="launch/clean run.sh").code, 0)

    def test_several_subjects_one_a_line(self):
        done = self.act(command="compare", subject="plans/clean plan\n\n  plans/leaky plan\r\n")
        self.assertEqual(done.code, 1, done.log)
        self.assertEqual(self.act(command="compare", subject="plans/clean plan\nplans/clean plan").code, 0)

    def test_a_subject_that_is_not_there(self):
        done = self.act(subject="plans/absent", fail_on="never", upload_sarif="true")
        self.assertEqual((done.code, done.outputs["verdict"], done.outputs["exit-code"], done.outputs["report"]), (2, "error", "2", ""), done.log)
        self.assertEqual(done.used, [], "nothing is uploaded where there is nothing")
        self.assertTrue(any(line.startswith("::error") and "plans/absent" in line for line in done.commands()), done.log)
        self.assertIn("plans/absent", done.summary)

    def test_inconclusive(self):
        trace = "plans/clean plan/0000.out.safetensors"
        done = self.act(subject=trace)
        self.assertEqual((done.code, done.outputs["verdict"]), (3, "inconclusive"), done.log)
        done = self.act(subject=trace, fail_on="fail")
        self.assertEqual((done.code, done.outputs["verdict"], done.outputs["exit-code"]), (0, "inconclusive", "3"), done.log)
        self.assertTrue(any("exit code 3 does not fail this job" in line for line in done.commands()))

    def test_fail_on(self):
        self.assertEqual(self.act(subject="plans/leaky plan", fail_on="inconclusive").code, 0)
        self.assertEqual(self.act(subject="plans/leaky plan", fail_on="never").code, 0)
        self.assertEqual(self.act(subject="plans/leaky plan", fail_on="fail\ninconclusive").code, 1)

    def test_arguments_are_quoted_as_in_a_shell(self):
        done = self.act(subject="plans/clean plan", arguments="--seed 7\n--check 'causal-mask' -o \"svg=my charts.svg\"")
        self.assertEqual(json.loads(pathlib.Path(done.outputs["report"]).read_text())["run"]["seed"], 7, done.log)
        self.assertTrue((self.workspace / "my charts.svg").is_file())

    def test_no_input_is_code(self):
        """Each would make the file `owned` if any shell, or the runner, read it as its own."""
        touched = self.workspace / "owned"
        attack = f"$(touch owned)`touch owned`; touch owned\n'; touch owned; '\n\"; touch owned; \"\n${{{{ touch }}}} | touch owned & touch '{touched}'"
        for name in ("command", "subject", "policy", "arguments", "fail_on", "name", "wheel", "version"):
            with self.subTest(name=name):
                done = self.act(**{"subject": "plans/clean plan", **{name: attack}})
                self.assertIn(done.code, (2, 4), done.log)
                self.assertFalse(touched.exists())

    def test_a_subject_is_no_option(self):
        done = self.act(command="lint", subject="--help")
        self.assertEqual(done.code, 2, done.log)

    def test_a_files_name_is_no_command_to_the_runner(self):
        for name in ("::error::shouted", "##[error]shouted", "a\n::add-path::x"):
            (self.workspace / "launch" / name.replace("/", "")).write_text(LEAKY_SCRIPT)
        self.act(command="lint", subject="launch")
        done = self.act(command="lint", subject="::error::shouted\n##[error]absent\nlaunch")
        for line in done.commands():
            self.assertRegex(line, r"^::(error|warning|notice) (file=|title=pastonly)", done.log)

    def test_an_output_is_one_value(self):
        done = self.act(subject="plans/clean plan", name="a\nverdict=pass")
        self.assertEqual(done.code, 4, done.log)

    def test_wrong_inputs(self):
        for words, inputs in (("none of audit", {"command": "verify"}), ("none of audit", {"command": ""}), ("No closing quotation", {"arguments": "'a"}),
                              ("lint takes none", {"command": "lint", "policy": "ci"}), ("fail-on: sometimes", {"fail_on": "sometimes"}),
                              ("fail-on: nothing", {"fail_on": ""}), ("fail-on: never, fail", {"fail_on": "never, fail"}),
                              ("name: a/b", {"name": "a/b"}), ("no https", {"wheel": "http://example.org/a.whl"}), ("names 0 files", {"wheel": "*.whl"}),
                              ("is no version", {"version": "1 @ https://example.org"}), ("not both", {"version": "1", "wheel": "a.whl"})):
            with self.subTest(inputs=inputs):
                done = self.act(**{"subject": "plans/clean plan", **inputs})
                self.assertEqual(done.code, 4, done.log)
                self.assertTrue(any(line.startswith("::error") and words in line for line in done.commands()), done.log)
        done = self.act(subject="")
        self.assertEqual(done.code, 4, done.log)
        done = self.act(program=False, subject="plans/clean plan")
        self.assertIn("no pastonly is on the path", done.log)

    @unittest.skipUnless(importlib.util.find_spec("ensurepip"), "this Python makes no environments (Debian: python3-venv)")
    def test_the_wheel_is_installed_and_only_the_program_comes_onto_the_path(self):
        small_wheel(self.workspace)
        done = self.act(program=False, subject="plans/clean plan", wheel="pastonly-*.whl")
        self.assertEqual((done.code, done.outputs["verdict"]), (0, "pass"), done.log)
        added = (self.root / "temporary/GITHUB_PATH-0").read_text().splitlines()
        self.assertEqual([os.listdir(folder) for folder in added], [["pastonly"]])
        (self.workspace / "pastonly-broken-py3-none-any.whl").write_text("no archive")
        self.assertIn("names 2 files", self.act(program=False, subject="x", wheel="pastonly-*.whl").log)
        broken = self.act(program=False, subject="x", wheel="pastonly-broken-py3-none-any.whl")
        self.assertEqual(broken.code, 4, broken.log)
        self.assertIn("could not be installed", broken.log)

    def test_the_file_itself(self):
        action = yaml.safe_load((FOLDER / "action.yml").read_text())
        for step in action["runs"]["steps"]:
            self.assertNotIn("${{", step.get("run", ""), "an input in `run` is code")
            if "uses" in step:
                self.assertRegex(step["uses"], r"@[0-9a-f]{40}$")
                self.assertRegex((FOLDER / "action.yml").read_text(), re.escape(step["uses"]) + r" # v\d+\.\d+\.\d+\n")
        page = (ROOT / "docs/ci.md").read_text()
        for name in [*action["inputs"], *action["outputs"]]:
            self.assertIn(f"| `{name}` |", page, "docs/ci.md lists it")


if __name__ == "__main__":
    unittest.main()

"""The hook for pre-commit: which files it gets, and the hook itself under pre-commit, where that is installed (PyPI)."""

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from program import BINARY, ROOT

YAML = importlib.util.find_spec("yaml")
if YAML:
    import yaml

PROGRAM = shutil.which("pre-commit")
LEAKY = "torchrun pretrain_gpt.py --moe-expert-capacity-factor 1.0 --moe-token-drop-policy probs\n"


@unittest.skipUnless(YAML, "the Python package yaml is not installed (Debian: python3-yaml)")
class Hook(unittest.TestCase):
    def setUp(self):
        self.hook, = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())

    def gets(self, path):
        return bool(re.search(self.hook["files"], path)) and not re.search(self.hook["exclude"], path)

    def test_files(self):
        page = (ROOT / "docs/lint.md").read_text()
        endings = {ending for row in re.findall(r"^\| \S+ \| (`\..*?) \|", page, re.MULTILINE) for ending in re.findall(r"`\.(\w+)`", row)}
        self.assertGreater(len(endings), 12)
        for ending in endings:
            log = ending in ("log", "out", "err", "txt")  # what a run leaves is not what a commit changes
            self.assertEqual(self.gets(f"a folder/run.{ending}"), not log, ending)
        for path in ("README.md", "model.safetensors", "tokenizer.json", "a/vocab.json", "model.safetensors.index.json", "package-lock.json", "x.yaml.orig"):
            self.assertFalse(self.gets(path), path)
        self.assertTrue(self.gets("my-tokenizer.json"))

    def test_the_page_repeats_it(self):
        page = (ROOT / "docs/ci.md").read_text()
        self.assertIn(f"files: {self.hook['files']}\n", page)
        for example in re.findall(r"```yaml\n(repos:.*?)```", page, re.DOTALL):
            for repository in yaml.safe_load(example)["repos"]:
                for hook in repository["hooks"]:
                    self.assertEqual((hook["id"], hook.get("entry", self.hook["entry"])), (self.hook["id"], self.hook["entry"]))

    @unittest.skipUnless(PROGRAM and shutil.which("git"), "pre-commit is not installed (Debian or PyPI: pre-commit)")
    def test_under_pre_commit(self):
        with tempfile.TemporaryDirectory(prefix="hook ") as folder:
            root = pathlib.Path(folder)
            (root / "bin").mkdir()
            (root / "bin/pastonly").symlink_to(pathlib.Path(BINARY).resolve())
            hooks, work = root / "hooks", root / "work"
            environment = {**os.environ, "PATH": f"{root / 'bin'}:{os.environ['PATH']}", "PRE_COMMIT_HOME": str(root / "cache"),
                           "GIT_CONFIG_GLOBAL": os.devnull}
            for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
                environment.pop(name, None)

            def git(where, *words):
                subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words], cwd=where, env=environment, check=True,
                               capture_output=True)

            for where in (hooks, work):
                where.mkdir()
                git(where, "init", "-q")
            shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
            (work / "launch it").mkdir()
            for name, text in (("plain.yaml", "a: 1\n"), ("plain.py", "x = 1\n"), ("launch it/train.sh", "#!/bin/bash\necho\n"),
                               ("notes.md", LEAKY), ("tokenizer.json", "{")):
                (work / name).write_text(text)
            for where in (hooks, work):
                git(where, "add", "-A")
            git(hooks, "commit", "-qm", "hooks")

            def tried():
                git(work, "add", "-A")
                return subprocess.run([PROGRAM, "try-repo", str(hooks), "pastonly-lint", "--all-files"], cwd=work, env=environment, capture_output=True,
                                      text=True, timeout=120)

            quiet = tried()
            self.assertEqual(quiet.returncode, 0, quiet.stdout + quiet.stderr)
            self.assertIn("Passed", quiet.stdout)
            self.assertNotIn("plain.yaml", quiet.stdout)
            (work / "launch it/train.sh").write_text("#!/bin/bash\n" + LEAKY)
            leaky = tried()
            self.assertEqual(leaky.returncode, 1, leaky.stdout + leaky.stderr)
            self.assertIn("launch it/train.sh:2: error: ", leaky.stdout)


if __name__ == "__main__":
    unittest.main()

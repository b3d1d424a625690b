"""Every command that a document shows is run as it stands, or stands here with the reason why not. What a document shows as its
output is what the command prints."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import world
from program import BINARY, COMMANDS, ROOT

QUICK = "pastonly lab audits/experiments/quick.json"
CHOSEN = "expert-choice-chunk-8 --batch 16 --positions 64"
HOURS = "takes minutes to hours; audits/experiments/tables fills the page from its report"
TORCH = "needs torch: run by tests/python/torch_docs.py"

# Command: exit code.
RUN = {
    "pastonly audit audits/examples/leaky": 1,
    "pastonly audit audits/examples/clean": 0,
    "pastonly audit CHECKPOINT_DIR": 0,
    "pastonly audit CHECKPOINT_DIR --text corpus.txt": 0,
    "pastonly audit CHECKPOINT --check router-geometry --check expert-coupling": 3,
    "pastonly audit MODEL.gguf": 0,
    "pastonly compare CHECKPOINT_DIR MODEL.gguf": 0,
    "pastonly compare fp8 gptq-8bit gptq-4bit nf4 original": 0,
    "pastonly compare step100 step200 step400 step800 step1600": 0,
    "pastonly compare TRAINING SERVING --policy ci": 0,
    "pastonly compare training.safetensors serving.safetensors --policy ci": 0,
    "pastonly audit --log chunk=8:run1.jsonl --log chunk=512:run2.csv --log causal:run3/trainer_state.json": 3,
    "pastonly audit --log chunk=8:a.jsonl --log chunk=8:b.jsonl --log chunk=512:c.csv --log causal:d/trainer_state.json": 3,
    "pastonly audit experts.bin --shape 4096,48,8 --experts 128 --batch 4": 3,
    "pastonly audit plan --tags language=languages.txt --check specialisation --check capacity-drops": 3,
    "pastonly audit plan --policy release": 0,
    "pastonly audit plan --policy release -o text -o json=report.json": 0,
    "pastonly audit plan --policy release -o text -o json=routing.json": 0,
    "pastonly audit plan --policy release -q -o json=routing.json -o sarif=routing.sarif -o html=routing.html": 0,
    "pastonly audit plan --policy release -q -o text -o json=routing.json -o junit=routing.xml -o gitlab=routing-quality.json": 0,
    "pastonly audit plan-eval plan-train --policy release": 0,
    "pastonly plan plan --vocab 32000 --batch 8 --positions 128": 0,
    "pastonly plan plan --vocab 32000 --batch 8 --positions 128 --limit 0.001 --layout sequence-major --noisy": 0,
    "pastonly plan plan --vocab 32 --batch 4 --positions 32": 0,
    "pastonly verify report.json": 0,
    "pastonly audit plan --write-baseline known.json": 0,
    "pastonly audit plan --baseline known.json": 0,
    "pastonly report --diff before.json after.json": 0,
    "pastonly audit plan --redact -o json=public.json -o html=public.html": 0,
    "pastonly report full.json --redact -o json=public.json": 0,
    "pastonly verify public.json plan": 0,
    "pastonly verify public.json full.json": 0,
    "pastonly report routing.json -o github || true": 0,
    "pastonly report routing.json -o markdown >> \"$GITHUB_STEP_SUMMARY\" || true": 0,
    "pastonly bound --experts 16 --top-k 2 --layers 9 --vocab 32000": 0,
    "pastonly lint train.sh configs/": 1,
    "pastonly --version": 0,
}
NEW = {"pastonly plan": ("plan",), "pastonly audit plan --write": ("known.json",), "pastonly audit plan --policy release -o text": ("report.json",)}  # what a command makes

# Shown with the output of all checks, or without: one training serves both.
LAB = {
    QUICK: 0,
    f"pastonly audit build/lab/checkpoints/{CHOSEN}": 1,
    f"pastonly audit checkpoints/{CHOSEN}": 1,
    f"pastonly audit checkpoints/{CHOSEN} --rule expert-choice,k=2,chunk=8": 1,
}

NOT_RUN = {
    "pastonly lab audits/experiments/quick.json --no-checks --export checkpoints": "the same training as README.md, run once",
    "pastonly audit CHECKPOINT_DIR --rule expert-choice,k=8,chunk=512 --tokens npy:ids.npy": "for larger models than a test has; below with its numbers",
    "pastonly audit --exec 'python3 -m pastonly.worker --serve --model hf:CHECKPOINT'": TORCH.replace("torch_docs", "torch_adapters"),
    "pastonly audit --exec 'python -m pastonly.worker --serve --model my_model:build' --positions 32 --batch 4": TORCH,
    "pastonly audit plan": TORCH,
    "pastonly audit logits.npz --batch 8 --top-k 2": TORCH,
    "pastonly audit --url http://localhost:8000 --vocab 50304 --experts 64 --positions 64 --batch 8": "needs a server: tests/python/test_server.py",
    "pastonly audit x.npz --map scores=scores,mask=assign,gates=gates": "names of made-up arrays: tests/e2e/test_traces.py",
    "pastonly audit x.safetensors --map 'logits=model.layers.{layer}.router,mask=model.layers.{layer}.routing' --batch 8 --layout batch-major":
        "names of made-up arrays: tests/e2e/test_traces.py",
    "pastonly audit response.json --experts 128": "an engine's record: tests/e2e/test_records.py",
    "pastonly compare train.safetensors rollout_7.pt --experts 128": "an engine's record: tests/e2e/test_records.py",
    "pastonly report --merge part1.json part2.json --into whole -o json=whole.json": "parts of a plan: tests/e2e/test_merge.py",
    "pastonly lab audits/experiments/published.json": HOURS,
    "pastonly lab audits/experiments/depth.json --check causal-mask --check leakage-bound": HOURS,
    "pastonly lab audits/experiments/intervention.json --no-checks": HOURS,
    "pastonly lab audits/experiments/coupling.json --check specialisation --check load-balance": HOURS,
    "pastonly lab audits/experiments/erc.json --check specialisation --check load-balance": HOURS,
    "pastonly lab audits/experiments/health.json --no-checks --export models": "tests/e2e/test_docs.py, RouterHealth",
    "pastonly audit models/free --source markov:vocab=64,order=1,successors=4,seed=3 --check load-balance --check specialisation "
    "--check expert-prefetch --check intervention-impact --check router-geometry --check expert-coupling": "tests/e2e/test_docs.py, RouterHealth",
}

# Scripts of the repository, and other programs: where they are run.
SCRIPTS = {
    r"audits/(run|build|experiments/[a-z-]+)|tests/run|tests/same-bits/run|tests/same-reports/run|\.ci/": ".ci/run, or by hand",
    r"cmake|ctest|build/|git ls-files|PASTONLY_WRITE_PAGES=1|PASTONLY_BINARY=": ".ci/run, .ci/install, or by hand",
    r"src/python/build_wheel": "tests/python/run wheel",
    r"tests/engines/(install|run|table)|tests/torch/|tests/python/|tests/bench/|tests/install/": "by hand: engines, other systems, figures",
    r"podman (build|run)": ".ci/container",
    r"torchrun |srun |sbatch |python -m pytest|pytest|python -m pastonly": TORCH,
}


def pages():
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def shown():
    """(page, command, lines below it), for each command in a block of code."""
    for page in pages():
        fence, lines = None, page.read_text().replace("\\\n", " ").splitlines()
        for number, line in enumerate(lines):
            if line.startswith("```"):
                fence = None if fence is not None else line[3:].strip()
            elif fence in ("sh", "bash", "yaml", "") or (fence is None and line.startswith("    ")):
                text = re.sub(r"^\s*(- )?(run: )?(\$ )?", "", line)
                command = re.sub(r"\s+#.*| {2,}[^-\s].*", "", text).strip()
                below = []
                for after in lines[number + 1:] if "$ " in line else []:
                    if not after.startswith("    ") and after:
                        break
                    below.append(after.removeprefix("    ").rstrip())
                yield page.relative_to(ROOT), re.sub(r"\s+", " ", command), below


def is_command(text):
    return re.match(rf"pastonly ({'|'.join(COMMANDS)}|--version)\b", text) is not None


class Documents(unittest.TestCase):
    def test_every_command_is_known_here(self):
        overview = re.findall(r"^    pastonly (\w+)[^\n]*? {2,}", (ROOT / "README.md").read_text(), re.MULTILINE)
        self.assertEqual(sorted(overview), sorted(COMMANDS), "the README lists every command")
        known, found = {**RUN, **LAB, **NOT_RUN}, set()
        for page, text, _ in shown():
            if is_command(text) and not re.fullmatch(r"pastonly \w+( [A-Z]+(\.\.\.)?| A B \.\.\.)?", text):
                self.assertIn(text, known, f"{page}: run it here, or say why not")
                found.add(text)
        self.assertEqual(set(known) - found, set(), "no document shows these any more")

    def test_every_script_is_known_here_and_there(self):
        named = re.compile(r"(audits/|tests/|src/|\.ci/|build/|cmake |ctest |git |pip |podman |docker |PASTONLY_\w+=|python|torchrun |srun |sbatch )\S*")
        for page, text, _ in shown():
            if named.match(text) and not re.match(r"python3? -m pastonly|pip install|src/[\w/]+\.h", text):
                self.assertTrue(any(re.match(pattern, text) for pattern in SCRIPTS), f"{page}: {text}")
                script = re.match(r"((audits|tests|src|\.ci)/[\w/.-]+)", text)
                if script and not re.search(r"\.(cpp|h|json)$", script.group()):
                    self.assertTrue((ROOT / script.group()).exists(), f"{page}: {script.group()}")


class Executed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.root)
        world.make(cls.root)

    def run_in(self, folder, command):
        environment = {**os.environ, "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(folder / "summary"), "NO_COLOR": "1"}
        (self.root / "bin").mkdir(exist_ok=True)
        if not (self.root / "bin/pastonly").exists():
            (self.root / "bin/pastonly").symlink_to(pathlib.Path(BINARY).resolve())
        return subprocess.run(["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=600)

    def folder(self, *without):
        """A folder in which everything stands but what the command makes."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        for entry in self.root.iterdir():
            if entry != folder and entry.name not in ("bin", *without) and not entry.name.startswith("tmp"):
                (folder / entry.name).symlink_to(entry)
        return folder

    def assert_shown(self, page, below, printed):
        """Line by line; `…` stands for what is left out, the rest of the line before it as well."""
        lines, at = [line.rstrip() for line in printed.splitlines()], 0
        for line, after in zip(below, below[1:] + [""]):
            if not line or line.strip() == "…" or line.startswith("(exit code"):
                continue
            cut = after.strip() == "…"
            found = next((place for place in range(at, len(lines)) if lines[place] == line or cut and lines[place].startswith(line)), None)
            self.assertIsNotNone(found, f"{page} shows `{line}`, which is not printed there:\n{printed[:4000]}")
            at = found + 1

    def hold(self, command, code, folder, done=None):
        done = done or self.run_in(folder, command)
        self.assertEqual(done.returncode, code, f"{command}\n{done.stdout[-3000:]}{done.stderr}")
        for page, text, below in shown():
            if text == command and below and command != "pastonly --version":
                self.assert_shown(page, below, done.stdout)

    def test_as_they_stand(self):
        for name in ("routing", "known", "before", "after", "full"):
            (self.root / f"{name}.json").write_bytes((self.root / "report.json").read_bytes())
        self.assertEqual(self.run_in(self.root, "pastonly report full.json --redact -q -o json=public.json").returncode, 0)
        for command, code in RUN.items():
            with self.subTest(command=command):
                made = next((names for start, names in NEW.items() if command.startswith(start)), ())
                written = re.findall(r"=([\w-]+\.\w+)", command) if " -o " in command else []
                self.hold(command, code, self.folder(*made, *written))

    def test_the_lab_of_the_readme(self):
        folder = self.folder()
        # What the README shows is there without the checks of the arms; audits/run has them.
        done = self.run_in(folder, QUICK + " --no-checks --export build/lab/checkpoints")
        (folder / "checkpoints").symlink_to(folder / "build/lab/checkpoints")
        for command, code in LAB.items():
            with self.subTest(command=command):
                self.hold(command, code, folder, done if command == QUICK else None)
        block = re.search(r"^```\n(Forensic sweep\n.*?)```", (ROOT / "docs/checkpoints.md").read_text(), re.MULTILINE | re.DOTALL).group(1)
        self.assert_shown("docs/checkpoints.md", block.splitlines(), self.run_in(folder, f"pastonly audit checkpoints/{CHOSEN}").stdout)

    def test_a_checkpoint_under_a_rule_and_tokens(self):
        self.hold("pastonly audit CHECKPOINT_DIR --rule expert-choice,k=2,chunk=8 --tokens npy:ids.npy", 1, self.folder())


if __name__ == "__main__":
    unittest.main()

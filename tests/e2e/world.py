"""What the commands of the documents speak of, under the names that they use: recordings, checkpoints, logs, texts."""

import array
import json
import math
import random
import shutil

import test_checkpoint
import test_gguf
from made_plan import MadePlan
from program import ROOT, run
from test_text import TEXT, TOKENIZER


def npy(path, values, shape):
    """int32."""
    head = f"{{'descr': '<i4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + array.array("i", values).tobytes())


def training_log(step, loss, path):
    rows = [(at, 2.0 + math.exp(-at / 40) + loss + 0.001 * random.Random(f"{path}{at}").random()) for at in range(1, step)]
    if path.suffix == ".csv":
        path.write_text("step,loss\n" + "".join(f"{at},{value}\n" for at, value in rows))
    elif path.suffix == ".json":
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"log_history": [{"step": at, "loss": value} for at, value in rows]}))
    else:
        path.write_text("".join(json.dumps({"step": at, "loss": value}) + "\n" for at, value in rows))


def recordings(root):
    shutil.copytree(ROOT / "audits/examples/clean", root / "plan")
    for number, mode in enumerate(("eval", "train")):
        plan = MadePlan(root / f"plan-{mode}", seed=number, mode=mode)
        plan.suffixes((1, 2, 19, 38, 51, 60))
        plan.batch()
        plan.add(plan.base[::-1], kind="order", base=0, permutation=list(range(len(plan.base)))[::-1])
        plan.write()
    for side in ("training", "serving", "TRAINING", "SERVING"):
        shutil.copy(ROOT / "audits/examples/clean/0000.out.safetensors", root / (side + (".safetensors" if side.islower() else "")))
    run("audit", "plan", "-q", "-o", f"json={root / 'report.json'}", cwd=root)
    (root / "languages.txt").write_text("en\nde\n" * (json.loads((root / "plan/plan.json").read_text()).get("batch", 4) // 2))


def checkpoints(root):
    for name in ("CHECKPOINT_DIR", "CHECKPOINT", "original", "fp8", "gptq-8bit", "gptq-4bit", "nf4",
                 *(f"step{number}" for number in (100, 200, 400, 800, 1600))):
        test_checkpoint.write(root / name, seed=1 if name.isupper() else len(name))
        (root / name / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    test_gguf.write(root / "MODEL.gguf", root / "CHECKPOINT_DIR")
    (root / "corpus.txt").write_text(TEXT * 8)
    npy(root / "ids.npy", [random.Random(1).randrange(24) for _ in range(4096)], (4096,))


def configurations(root):
    files = ROOT / "tests/lint/files"
    shutil.copy(files / "megatron/train_mixtral.sh", root / "train.sh")
    (root / "configs").mkdir()
    for name in ("deepseek", "mixtral"):
        shutil.copy(files / f"huggingface/{name}.json", root / "configs")


def make(root):
    (root / "audits").symlink_to(ROOT / "audits")
    recordings(root)
    checkpoints(root)
    configurations(root)
    for number, name in enumerate(("a.jsonl", "b.jsonl", "c.csv", "d/trainer_state.json", "run1.jsonl", "run2.csv", "run3/trainer_state.json")):
        training_log(400, 0.0, root / name)
    rows = (token.randrange(120) for token in [random.Random(2)] for _ in range(4096 * 48))
    (root / "experts.bin").write_bytes(array.array("i", (first + choice for first in rows for choice in range(8))).tobytes())

"""Tokens a second of processor time beside the tokenizers package, one thread each: ENCODE_TEXT [MEGABYTES [REPEATS]].

The tokenizers are those of tests/torch/tokenizing.py, trained to 32,000 tokens; the text is made of its corpus, in another order every
time. The package encodes the text at once, as it was asked to, and line by line, which it is faster at.
"""
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "torch"))

import tokenizers  # noqa: E402
import tokenizing  # noqa: E402

CASES = ("olmoe", "qwen", "gpt-oss, llama 4", "deepseek 3", "mixtral")


def seconds_of(work):
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def main():
    binary = sys.argv[1]
    megabytes = float(sys.argv[2]) if len(sys.argv) > 2 else 20
    repeats = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    corpus = tokenizing.corpus()
    lines, draw, text = corpus.splitlines(keepends=True), random.Random(1), ""
    while len(text.encode()) < megabytes * 1e6:
        draw.shuffle(lines)
        text += "".join(lines)
    print(f"tokenizers {tokenizers.__version__}, {len(text.encode()) / 1e6:.0f} MB; medians of {repeats}")
    print(f"{'':20} {'tokens':>10} {'pastonly':>13} {'package, whole':>15} {'by lines':>13} {'ratios':>12}")
    with tempfile.TemporaryDirectory() as folder:
        path, file = os.path.join(folder, "tokenizer.json"), os.path.join(folder, "text.txt")
        pathlib.Path(file).write_bytes(text.encode())
        for name in CASES:
            tokenizing.train(name, corpus, path, 32_000)
            reference = tokenizers.Tokenizer.from_file(path)
            own, whole, by_lines = [], [], []
            parts = text.splitlines(keepends=True)
            for _ in range(repeats):
                done = json.loads(subprocess.run([binary, path, file], capture_output=True, check=True).stdout)
                own.append(done["seconds"])
                seconds, ids = seconds_of(lambda: len(reference.encode(text, add_special_tokens=False).ids))
                whole.append(seconds)
                if ids != done["tokens"]:
                    sys.exit(f"{name}: {done['tokens']} tokens, and {ids} of the package")
                by_lines.append(seconds_of(lambda: sum(len(reference.encode(part, add_special_tokens=False).ids) for part in parts))[0])
            mine, theirs, lined = (statistics.median(times) for times in (own, whole, by_lines))
            print(f"{name:20} {ids:10} {ids / mine / 1e6:9.2f} M/s {ids / theirs / 1e6:11.2f} M/s {ids / lined / 1e6:9.2f} M/s"
                  f" {theirs / mine:6.1f} {lined / mine:5.1f}", flush=True)


if __name__ == "__main__":
    main()

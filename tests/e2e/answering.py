"""A program with a model, as `pastonly audit --exec` starts it: answering.py MODEL [FAULT [RUN]].

MODEL is one of made_plan's, `drawn-drops`, whose experts keep tokens by a draw of the run's seed, or one without experts: `dense`, `dense-leak` and `dense-constant`, which say log-probabilities
alone, `dense-told` and `dense-peek`, which say predictions as well; the last sees the very token that it predicts; `dense-noisy`, whose
numbers come out otherwise in every run. FAULT
happens in answer number RUN, by default 5; `slow-SECONDS` in every answer; `die-once` and `die-changed` leave a mark in the current directory, and the
latter is another model from then on."""

import json
import math
import os
import pathlib
import random
import struct
import sys
import time

import made_plan

MODELS = {"causal": made_plan.causal, "whole-row": made_plan.whole_row, "expert-choice": made_plan.expert_choice(8)}


def drawn_drops(rows, seed):
    """Random token selection: of the tokens that want an expert, those that the run's seed draws."""
    places = [(row, position) for row in range(len(rows)) for position in range(len(rows[0]))]
    room = math.ceil(len(places) / made_plan.EXPERTS)
    kept = set()
    for layer in made_plan.LAYERS:
        lots = random.Random(f"{seed} {layer}")
        wanted = {}
        for row, position in places:
            scores = made_plan.own_scores(layer, rows[row][position])
            wanted.setdefault(scores.index(max(scores)), []).append((lots.random(), row, position))
        for expert, queue in wanted.items():
            kept.update((layer, row, position, expert) for _, row, position in sorted(queue)[:room])

    def route(layer, row, position):
        return (made_plan.own_scores(layer, rows[row][position]),
                [int((layer, row, position, expert) in kept) for expert in range(made_plan.EXPERTS)])
    return route


def tokens_of(path):
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    entry = json.loads(raw[8:8 + length])["tokens"]
    rows, positions = entry["shape"]
    first = 8 + length + entry["data_offsets"][0]
    code, size = {"I32": ("i", 4), "I64": ("q", 8)}[entry["dtype"]]
    values = struct.unpack(f"<{rows * positions}{code}", raw[first:first + size * rows * positions])
    return [list(values[row * positions:(row + 1) * positions]) for row in range(rows)]


def log_prob(kind, row, position):
    if position == 0:
        return float("nan")
    if kind == "dense-constant":
        return -4.5
    return said(row[position], state(kind, row, position - 1))


def state(kind, row, position):
    """What the model knows at a position."""
    return str(row[:position + {"dense-leak": 3, "dense-peek": 2}.get(kind, 1)])


def said(token, seen):
    return -1.0 - 7.0 * random.Random(f"{token} {seen}").random()


def answer(kind, rows, path, seed):
    shape = (len(rows), len(rows[0]))
    tensors = {"tokens": ("I32", shape, b"".join(struct.pack(f"<{shape[1]}i", *row) for row in rows))}
    metadata = {"schema": "pastonly.trace/1", "mode": "eval", "stage": "dispatched", "layout": "batch-major",
                "vocab": str(made_plan.VOCAB)}
    if kind.startswith("dense"):
        told = b"".join(struct.pack("<f", log_prob(kind, row, position)) for row in rows for position in range(shape[1]))
        tensors["logprobs"] = ("F32", shape, told)
        if kind in ("dense-told", "dense-peek", "dense-noisy"):
            noise = random.Random(time.time_ns()).random() if kind == "dense-noisy" else 0.0
            told = b"".join(struct.pack("<2f", *(said(token, state(kind, row, position)) - noise for token in (5, 9)))
                            for row in rows for position in range(shape[1]))
            tensors["predictions"] = ("F32", (*shape, 2), told)
    else:
        route = drawn_drops(rows, seed) if kind == "drawn-drops" else MODELS[kind](rows, [[1] * shape[1]] * shape[0])
        for layer in made_plan.LAYERS:
            scores, mask = b"", b""
            for row in range(shape[0]):
                for position in range(shape[1]):
                    values, chosen = route(layer, row, position)
                    scores += struct.pack(f"<{made_plan.EXPERTS}f", *values)
                    mask += bytes(chosen)
            tensors[f"layers.{layer}.scores"] = ("F32", (*shape, made_plan.EXPERTS), scores)
            tensors[f"layers.{layer}.mask"] = ("U8", (*shape, made_plan.EXPERTS), mask)
    made_plan.safetensors(path, tensors, metadata)


def main():
    kind, fault, at = sys.argv[1], (sys.argv[2:3] or [""])[0], int((sys.argv[3:4] or ["5"])[0])
    asked = os.fdopen(int(os.environ["PASTONLY_IN_FD"]))
    out = os.fdopen(int(os.environ["PASTONLY_OUT_FD"]), "w")

    def say(text):
        out.write(text + "\n")
        out.flush()

    if fault == "die-changed" and pathlib.Path("died").exists():
        kind = "whole-row"
    print("a banner", flush=True)
    if fault == "no-hello":
        say("good morning")
    if fault == "silent":
        time.sleep(1000)
    if fault == "gone":
        print("no such checkpoint", file=sys.stderr)
        sys.exit(3)
    hello = {"v": 1, "type": "hello", "vocab": made_plan.VOCAB, "name": f"toy {kind}", "max_positions": 96,
             "remarks": [{"id": "noise-off", "message": "dropout was switched off"}]}
    if fault.startswith("hello-"):
        hello.update(json.loads(fault.removeprefix("hello-")))
    say(json.dumps(hello))
    for count, line in enumerate(asked, 1):
        ask = json.loads(line)
        wrong = fault if count == at else ""
        if wrong == "die" or (wrong in ("die-once", "die-changed") and not pathlib.Path("died").exists()):
            pathlib.Path("died").touch()
            print("out of luck", file=sys.stderr, flush=True)
            os._exit(9)
        if wrong == "hang":
            time.sleep(1000)
        if wrong == "garbage":
            say("what?")
            continue
        if wrong == "endless":
            out.write("x" * (2 << 20))
            out.flush()
            time.sleep(1000)
        if wrong == "oom":
            say(json.dumps({"type": "error", "id": ask["id"], "code": "oom", "message": "CUDA out of memory"}))
            continue
        if fault.startswith("slow-"):
            time.sleep(float(fault.removeprefix("slow-")))
        path = pathlib.Path(ask["out"])
        if wrong != "nothing":
            rows = tokens_of(pathlib.Path(ask["in"]))
            if wrong == "other-tokens":
                rows[0][0] = (rows[0][0] + 1) % made_plan.VOCAB
            answer(kind, rows[:-1] if wrong == "short" else rows, path, ask["seed"])
        if wrong == "half":
            os.truncate(path, 1000)
        say(json.dumps({"type": "done", "id": ask["id"] + (1 if wrong == "order" else 0)}))


if __name__ == "__main__":
    main()

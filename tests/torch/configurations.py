"""Every key of every family's config.json absent, and at odd values: pastonly computes what transformers does, or refuses.

usage: configurations.py RUN_CHECKPOINT DIRECTORY [--family TYPE] [--odd]
Without --odd only absent keys: what transformers then runs with the same weights has to run here as well.
"""
import argparse
import contextlib
import copy
import io
import json
import os
import subprocess
import sys

import torch
import transformers
from safetensors.torch import load_file

import checkpoints

# Keys that say what is stored, and under which name; not what is computed.
LEFT_ALONE = {"model_type", "architectures", "dtype", "transformers_version", "torch_dtype"}


# Refused although transformers runs it: it then takes experts of groups that it left out.
CONTRADICTIONS = ("more than topk_group groups hold",)


def odd_values(value):
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return sorted({0, 1, value + 1, 2 * value} - {value})
    if isinstance(value, float):
        return [value * 0.5, value + 1.0]
    if isinstance(value, str):
        return ["something else"]
    if isinstance(value, list):
        return [value[:-1], value[::-1], value + value[:1]]
    return []


def variants(config, odd):
    """(what, configuration) for every key, also of objects inside."""
    def places(part, path):
        for key, value in part.items():
            if key in LEFT_ALONE or key == "vision_config":
                continue
            yield path + [key], value
            if isinstance(value, dict):
                yield from places(value, path + [key])

    for path, value in places(config, []):
        def changed(change, path=path):
            out = copy.deepcopy(config)
            part = out
            for key in path[:-1]:
                part = part[key]
            change(part, path[-1])
            return out

        name = ".".join(path)
        yield f"{name} absent", changed(lambda part, key: part.pop(key))
        if odd:
            for other in odd_values(value):
                yield f"{name} = {json.dumps(other)}", changed(lambda part, key, other=other: part.update({key: other}))


def too_large(directory):
    """Whether the configuration asks for more than the tiny weights of these tests: nothing would be found in them."""
    try:
        config = transformers.AutoConfig.from_pretrained(directory).get_text_config()
        return config.hidden_size * config.vocab_size * config.num_hidden_layers > 10 ** 6
    except Exception:  # noqa: BLE001 as below
        return True


def transformers_logits(family, directory, tokens):
    """None where transformers refuses, fails, or does not find all its weights."""
    if too_large(directory):
        return None
    kind = transformers.AutoModelForImageTextToText if family in checkpoints.SEEING else transformers.AutoModelForCausalLM
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), torch.no_grad():
            model, info = kind.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager",
                                               output_loading_info=True)
            if any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")):
                return None
            checkpoints.decode_step_by_step(model)
            text = model.language_model if family == "llama4" else model
            logits = text.eval()(tokens).logits.flatten(0, 1)
            return logits if torch.isfinite(logits).all() else None
    except Exception:  # noqa: BLE001 whatever transformers says to a strange configuration
        return None


def judge(family, name, directory, tokens, binary):
    """What is wrong, or "" and how it came out."""
    ran = subprocess.run([binary, directory], capture_output=True, text=True)
    expected = transformers_logits(family, directory, tokens)
    if ran.returncode not in (0, 2):
        return f"ended with {ran.returncode}: {ran.stderr.strip()[-200:]}", "crashed"
    if ran.returncode == 2:
        said = ran.stderr.strip()
        if not said:
            return "refused without a word", "refused"
        contradicts = any(words in said for words in CONTRADICTIONS)
        if expected is not None and name.endswith(" absent") and not contradicts:
            return f"transformers runs it, here: {said}", "refused"
        return "", "refused" if expected is not None else "refused by both"
    if expected is None:
        return "", "runs here alone"
    found = load_file(os.path.join(directory, "output.safetensors"))["logits"]
    error = (found - expected).abs().max().item()
    if not error <= checkpoints.TOLERANCE:
        return f"differs from transformers by {error:.1e} of {expected.abs().max().item():.1f}", "differs"
    return "", "agree"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("directory")
    parser.add_argument("--family", action="append")
    parser.add_argument("--odd", action="store_true")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity(transformers.logging.CRITICAL)
    transformers.logging.disable_progress_bar()
    counts, wrong, alone = {}, [], []
    for family, what, changes, _shape, *store in checkpoints.CASES:
        if what or store or (arguments.family and family not in arguments.family):
            continue
        directory = os.path.join(arguments.directory, f"configurations-{family}")
        checkpoints.write(family, changes, (2, 24), directory)
        tokens = load_file(os.path.join(directory, "input.safetensors"))["tokens"]
        checkpoints.save_file({"tokens": tokens}, os.path.join(directory, "input.safetensors"))
        path = os.path.join(directory, "config.json")
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        for name, changed in [("as it is", config), *variants(config, arguments.odd)]:
            with open(path, "w", encoding="utf-8") as file:
                json.dump(changed, file)
            error, outcome = judge(family, name, directory, tokens, arguments.binary)
            counts[outcome] = counts.get(outcome, 0) + 1
            if error:
                wrong.append(f"{family}: {name}: {error}")
                print(wrong[-1], flush=True)
            if outcome == "runs here alone":
                alone.append(f"{family}: {name}")
    print(", ".join(f"{outcome} {count}" for outcome, count in sorted(counts.items())))
    if alone:
        print(f"run here and not in transformers: {', '.join(alone)}")
    if wrong or not counts.get("agree"):
        sys.exit(f"{len(wrong)} configurations are read otherwise than transformers reads them")


if __name__ == "__main__":
    main()

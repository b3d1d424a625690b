"""Checkpoints written by save_hugging_face, opened with transformers: the logits must agree to 1e-4.

usage: hugging_face.py DIRECTORY   (written by dump_model)
"""
import glob
import os
import sys

import torch
import transformers
from safetensors.torch import load_file

TOLERANCE = 1e-4


def check(directory):
    expected = load_file(os.path.join(directory, "expected.safetensors"))
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    unread = {key: sorted(info[key]) for key in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[key]}
    with torch.no_grad():
        logits = model.eval()(expected["tokens"]).logits
    error = (logits - expected["logits"]).abs().max().item()
    scale = expected["logits"].abs().max().item()
    print(f"{type(model).__name__}: largest difference {error:.1e} of logits up to {scale:.2f} {unread or ''}")
    return error <= TOLERANCE and not unread


def main():
    transformers.logging.set_verbosity_error()
    directories = sorted(glob.glob(os.path.join(sys.argv[1], "hf-*")))
    results = [check(directory) for directory in directories]
    if not results or not all(results):
        sys.exit("checkpoints do not give the same logits in transformers")
    print(f"{len(results)} checkpoints agree with transformers {transformers.__version__} to {TOLERANCE}")


if __name__ == "__main__":
    main()

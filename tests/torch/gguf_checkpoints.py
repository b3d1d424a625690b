"""Tiny random checkpoints saved by transformers, converted to GGUF by llama.cpp's own converter and run by pastonly: logits, router
logits and gates must agree with transformers to 1e-4.

usage: gguf_checkpoints.py RUN_CHECKPOINT DIRECTORY [--architecture NAME] [--table PAGE]
$PASTONLY_LLAMA_CPP names llama.cpp's source (the folders conversion and gguf-py); without it nothing is compared. --table writes the outcome between the marks of a page (docs/checkpoints.md).
"""
import argparse
import json
import logging
import os
import pathlib
import subprocess
import sys

SOURCE = os.environ.get("PASTONLY_LLAMA_CPP", "")
if not os.path.isdir(os.path.join(SOURCE, "conversion")):
    print("skipped: GGUF files are not compared with transformers where $PASTONLY_LLAMA_CPP names no source of llama.cpp; "
          "tests/torch/run fetches one")
    sys.exit(0)
sys.path[:0] = [SOURCE, os.path.join(SOURCE, "gguf-py")]

import numpy as np
import torch
import transformers
from safetensors.torch import load_file

import checkpoints
import conversion
import gguf
import storing
from checkpoints import EIGHT, GLM, LATENT, LLAMA3, LOCAL, LONG, YARN



def rounded(kind):
    """Saves a model whose matrices are numbers that blocks of this type hold, so that quantising it changes nothing."""
    def store(model, directory):
        with torch.no_grad():
            for values in model.state_dict().values():
                if values.dim() > 1 and values.shape[-1] % 32 == 0:
                    blocks = gguf.quants.quantize(values.numpy(), kind)
                    values.copy_(torch.from_numpy(gguf.quants.dequantize(blocks, kind)))
        model.save_pretrained(directory)
    return store


QWEN2 = dict(EIGHT, moe_intermediate_size=24, shared_expert_intermediate_size=36)
QWEN3 = dict(EIGHT, moe_intermediate_size=24, norm_topk_prob=True, decoder_sparse_step=1)
GRANITE = dict(LOCAL, attention_multiplier=0.3, embedding_multiplier=2.0, residual_multiplier=0.4, logits_scaling=3.0)
DEEPSEEK2 = dict(LATENT, n_group=1, topk_group=1, rms_norm_eps=1e-6, num_key_value_heads=4)
DEEPSEEK3 = dict(DEEPSEEK2, scoring_func="sigmoid", n_group=4, topk_group=2)
GLM4 = dict(GLM, norm_topk_prob=True)
DOTS = dict(GLM, scoring_func="sigmoid", norm_topk_prob=True)
ERNIE = dict(checkpoints.ERNIE, intermediate_size=96, moe_num_shared_experts=2, num_key_value_heads=2, head_dim=16)
MINIMAX = dict(LOCAL, head_dim=16, rotary_dim=8, scoring_func="sigmoid")
LLAMA4 = dict(LOCAL, intermediate_size_mlp=56, head_dim=16, num_hidden_layers=5, interleave_moe_layer_step=1)

BLOCKS = dict(QWEN3, head_dim=16, hidden_size=64, moe_intermediate_size=32)
F16, BF16, Q8_0 = gguf.LlamaFileType.MOSTLY_F16, gguf.LlamaFileType.MOSTLY_BF16, gguf.LlamaFileType.MOSTLY_Q8_0

# (general.architecture, family, what is special, changes to the configuration, shape of the batch[, how it is saved, type of the file])
CASES = [
    ("qwen3moe", "qwen3_moe", "", dict(QWEN3, head_dim=16), (3, 20)),
    ("qwen3moe", "qwen3_moe", "grouped queries, long", dict(QWEN3, head_dim=8, num_key_value_heads=2), LONG),
    ("qwen3moe", "qwen3_moe", "tied embeddings, yarn", dict(QWEN3, head_dim=16, tie_word_embeddings=True, rope_parameters=YARN), (2, 150)),
    ("qwen2moe", "qwen2_moe", "", dict(QWEN2), (3, 20)),
    ("qwen2moe", "qwen2_moe", "grouped queries, linear positions, long", dict(QWEN2, num_key_value_heads=2, rope_parameters=dict(rope_type="linear", rope_theta=5e3, factor=3.0)), LONG),
    ("olmoe", "olmoe", "", dict(EIGHT), (3, 20)),
    ("olmoe", "olmoe", "grouped queries, long", dict(EIGHT, num_key_value_heads=2), LONG),
    ("llama", "mixtral", "", dict(LOCAL), (3, 20)),
    ("llama", "mixtral", "grouped queries, heads of another width, long", dict(LOCAL, num_key_value_heads=2, head_dim=16), LONG),
    ("llama", "mixtral", "tied embeddings, llama3 positions", dict(LOCAL, tie_word_embeddings=True, rope_parameters=LLAMA3), (2, 150)),
    ("gpt-oss", "gpt_oss", "", dict(LOCAL, head_dim=16, num_key_value_heads=2, sliding_window=8, rope_parameters=dict(YARN, truncate=True)), (3, 20)),
    ("gpt-oss", "gpt_oss", "long", dict(LOCAL, head_dim=8, num_key_value_heads=1, sliding_window=70, num_experts_per_tok=4, rope_parameters=dict(YARN, truncate=True)), LONG),
    ("deepseek2", "deepseek_v2", "", dict(DEEPSEEK2), (3, 20)),
    ("deepseek2", "deepseek_v2", "queries at once, yarn, long", dict(DEEPSEEK2, q_lora_rank=None, routed_scaling_factor=3.0, rope_parameters=dict(YARN, mscale=0.7, mscale_all_dim=0.7)), LONG),
    ("deepseek2", "deepseek_v3", "groups", dict(DEEPSEEK3), (3, 20)),
    ("deepseek2", "deepseek_v3", "tied embeddings, one group, yarn", dict(DEEPSEEK3, n_group=1, topk_group=1, tie_word_embeddings=True, rope_parameters=dict(YARN, mscale=1.0, mscale_all_dim=1.0)), (2, 150)),
    ("glm4moe", "glm4_moe", "", dict(GLM4), (3, 20)),
    ("glm4moe", "glm4_moe", "grouped queries and their norm, biases, long", dict(GLM4, num_key_value_heads=2, head_dim=16, use_qk_norm=True, attention_bias=True, routed_scaling_factor=2.5), LONG),
    ("dots1", "dots1", "", dict(DOTS), (3, 20)),
    ("dots1", "dots1", "not renormalised, yarn", dict(DOTS, norm_topk_prob=False, routed_scaling_factor=2.5, rope_parameters=YARN), (2, 150)),
    ("ernie4_5-moe", "ernie4_5_moe", "", dict(ERNIE, tie_word_embeddings=False), (3, 20)),
    ("ernie4_5-moe", "ernie4_5_moe", "tied embeddings, dense layers, long", dict(ERNIE, num_hidden_layers=6, moe_layer_interval=2), LONG),
    ("minimax-m2", "minimax_m2", "", dict(MINIMAX), (3, 20)),
    ("minimax-m2", "minimax_m2", "grouped queries, long", dict(MINIMAX, num_key_value_heads=2), LONG),
    ("granitemoe", "granitemoe", "", dict(GRANITE), (3, 20)),
    ("granitemoe", "granitemoe", "tied embeddings, grouped queries, long", dict(GRANITE, tie_word_embeddings=True, num_key_value_heads=2), LONG),
    ("llama4", "llama4_text", "", dict(LLAMA4), (3, 20)),
    ("llama4", "llama4_text", "dense layers, grouped queries, llama3 positions, long", dict(LLAMA4, head_dim=8, num_key_value_heads=2, interleave_moe_layer_step=2, num_experts_per_tok=1, rope_parameters=LLAMA3), LONG),
    ("qwen3moe", "qwen3_moe", "F16", dict(BLOCKS), (2, 33), storing.in_type(torch.float16), F16),
    ("qwen3moe", "qwen3_moe", "BF16", dict(BLOCKS), (2, 33), storing.in_type(torch.bfloat16), BF16),
    ("qwen3moe", "qwen3_moe", "Q8_0", dict(BLOCKS), (2, 33), rounded(gguf.GGMLQuantizationType.Q8_0), Q8_0),
    ("gpt-oss", "gpt_oss", "MXFP4", dict(LOCAL, head_dim=16, hidden_size=64, intermediate_size=96, rope_parameters=dict(YARN, truncate=True)), (2, 33), storing.mxfp4),
]

# Types of blocks that only llama.cpp's own tools make: drawn at random, and where their F16 scales stand in a block.
RANDOM = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2],
          "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": []}
WIDE = dict(QWEN3, hidden_size=256, moe_intermediate_size=256, head_dim=64, num_hidden_layers=2, num_experts=4)
WIDE_LATENT = dict(DEEPSEEK3, hidden_size=64, intermediate_size=96, kv_lora_rank=32, q_lora_rank=32, qk_nope_head_dim=32, v_head_dim=32,
                   moe_intermediate_size=32)


def published(directory, family, changes):
    """config.json as models are published: transformers 5 leaves out keys that the converter asks for."""
    path = os.path.join(directory, "config.json")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    config.update({key: value for key, value in changes.items() if key != "rope_parameters"})
    if family == "llama4_text":
        config["architectures"] = ["Llama4ForCausalLM"]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)


def drawn(kind, shape, draws):
    """Random blocks of a matrix, (..., bytes), that stand for numbers of the size of weights."""
    numbers, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = draws.integers(0, 256, (*shape[:-1], shape[-1] // numbers, size), np.uint8)
    for at in RANDOM[kind.name]:
        blocks[..., at:at + 2] = draws.uniform(0.001, 0.003, blocks.shape[:-1]).astype(np.float16)[..., None].view(np.uint8)
    if kind == gguf.GGMLQuantizationType.MXFP4:
        blocks[..., 0] = draws.integers(120, 123, blocks.shape[:-1])
    return blocks.reshape(*shape[:-1], -1)


def rewrite(source, quantised, plain, kind, draws):
    """The file with its matrices drawn anew, once as blocks and once as the numbers that gguf.quants makes of them."""
    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writers = [gguf.GGUFWriter(path, architecture) for path in (quantised, plain)]
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        for writer in writers:
            writer.add_key_value(name, field.contents(), field.types[0], field.types[-1] if len(field.types) > 1 else None)
    for tensor in reader.tensors:
        values = tensor.data
        if values.ndim == 1 or "ffn_gate_inp" in tensor.name:
            for writer in writers:
                writer.add_tensor(tensor.name, values)
            continue
        blocks = drawn(kind, values.shape, draws)
        writers[0].add_tensor(tensor.name, blocks, raw_dtype=kind)
        writers[1].add_tensor(tensor.name, gguf.quants.dequantize(blocks, kind))
    for writer in writers:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def blocks(binary, directory, family, changes, types):
    """These types of blocks give what the same numbers in F32 give, to the last bit."""
    os.makedirs(directory)
    checkpoints.write(family, changes, (2, 33), directory)
    published(directory, family, changes)
    source = convert(directory, os.path.join(directory, "model.gguf"))
    for name in types:
        outputs = []
        paths = [os.path.join(directory, f"{name}-{which}.gguf") for which in ("blocks", "numbers")]
        rewrite(source, *paths, gguf.GGMLQuantizationType[name], np.random.default_rng(3))
        for path in paths:
            subprocess.run([binary, path], check=True)
            outputs.append(load_file(os.path.join(directory, "output.safetensors")))
        if not all(torch.equal(values, outputs[1][key]) for key, values in outputs[0].items()):
            sys.exit(f"{family}, {name}: not what gguf.quants makes of the blocks")
    print(f"{family}: blocks of {', '.join(types)} give what their numbers give, to the last bit")


def convert(directory, path, outtype=None):
    """Writes a GGUF file as convert_hf_to_gguf.py does, without a tokenizer: the models have none."""
    hparams = conversion.ModelBase.load_hparams(pathlib.Path(directory), False)
    kind = conversion.get_model_class(hparams["architectures"][0])


    def set_vocab(model):
        model._set_vocab_none()
        model.gguf_writer.add_vocab_size(model.hparams["vocab_size"])  # else told by the tokenizer

    bare = type(kind.__name__, (kind,), {"set_vocab": set_vocab, "model_arch": kind.model_arch})
    with torch.inference_mode():
        model = bare(pathlib.Path(directory), outtype or gguf.LlamaFileType.ALL_F32, pathlib.Path(path), eager=True)
        model.write()
    return path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("directory")
    parser.add_argument("--architecture", action="append")
    parser.add_argument("--table")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    cases = [case for case in CASES if not arguments.architecture or case[0] in arguments.architecture]
    rows, failed = [], []
    for number, (architecture, family, what, changes, shape, *stored) in enumerate(cases):
        directory = os.path.join(arguments.directory, f"gguf-{number}-{family}")
        logits, seen = checkpoints.write(family, changes, shape, directory, *stored[:1])
        published(directory, family, changes)
        path = convert(directory, os.path.join(directory, "model.gguf"), *stored[1:])
        subprocess.run([arguments.binary, path], check=True)
        errors = checkpoints.compare(family, logits, seen, directory)
        good = max(errors["logits"], errors["router"], errors["gates"]) <= checkpoints.TOLERANCE and errors["decisions"] == 0
        rows.append((architecture, what, shape, errors))
        print(f"{architecture:12} {what or 'plain':50} logits {errors['logits']:.1e} of {logits.abs().max().item():.2f}, "
              f"router {errors['router']:.1e}, gates {errors['gates']:.1e}, other decisions {errors['decisions']}"
              f"{'' if good else '  <- FAILED'}")
        if not good:
            failed.append((architecture, what))
    if not arguments.architecture:
        blocks(arguments.binary, os.path.join(arguments.directory, "gguf-blocks"), "qwen3_moe", WIDE, list(RANDOM))
        blocks(arguments.binary, os.path.join(arguments.directory, "gguf-latent"), "deepseek_v3", WIDE_LATENT, ["Q8_0", "Q4_0"])
    if arguments.table:
        checkpoints.put(arguments.table, checkpoints.table(rows).replace("model_type", "architecture"), "gguf-parity")
    if failed or not rows:
        sys.exit(f"not the same as transformers: {failed}")
    print(f"{len(rows)} GGUF files agree with transformers {transformers.__version__} to {checkpoints.TOLERANCE}")


if __name__ == "__main__":
    main()

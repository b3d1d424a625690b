"""How a checkpoint's weights stand in its files: saved as transformers does, or as older and quantised files hold them.

Each takes a model and a directory, writes the checkpoint and leaves in the model the very numbers that the files hold.
"""
import json
import os
import re

import torch
from safetensors.torch import load_file, save_file

BLOCK = 128  # of E4M3 scales


def one_file(model, directory):
    model.save_pretrained(directory)


def shards(model, directory):
    model.save_pretrained(directory, max_shard_size="60KB")


def in_type(dtype):
    def store(model, directory):
        with torch.no_grad():
            for values in model.state_dict().values():
                values.copy_(values.to(dtype).float())
        model.save_pretrained(directory)
        path = os.path.join(directory, "model.safetensors")
        save_file({name: values.to(dtype) for name, values in load_file(path).items()}, path)
    return store


def fused(model, directory):
    """All experts of a layer in one tensor, as transformers holds them in memory."""
    model.save_pretrained(directory)
    save_file({name: values.contiguous() for name, values in model.state_dict().items()},
              os.path.join(directory, "model.safetensors"))


def outputs_last(model, directory):
    """Experts in one tensor whose last dimension are outputs, as Qwen3-VL-MoE was published."""
    model.save_pretrained(directory)
    path = os.path.join(directory, "model.safetensors")
    save_file({name: values.transpose(1, 2).contiguous() if ".experts." in name else values
               for name, values in load_file(path).items()}, path, metadata={"format": "pt"})


def configure(directory, quantisation):
    path = os.path.join(directory, "config.json")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    config["quantization_config"] = quantisation
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)


def blocks(values):
    """(rows, columns) cut into blocks of 128 x 128, the last ones filled with zeros: (r, 128, c, 128)."""
    rows, columns = (-(-size // BLOCK) * BLOCK for size in values.shape)
    padded = torch.zeros(rows, columns)
    padded[:values.shape[0], :values.shape[1]] = values
    return padded.view(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)


def e4m3(model, directory):
    """Linear layers as DeepSeek-V3 ships them: E4M3 with a scale for every block of 128 x 128."""
    model.save_pretrained(directory)
    path = os.path.join(directory, "model.safetensors")
    out, exact = {}, {}
    for name, values in load_file(path).items():
        if not re.search(r"(_proj|_proj_with_mqa|\.w[123])\.weight$", name):
            out[name] = values
            continue
        cut = blocks(values)
        scales = cut.abs().amax(dim=(1, 3)).clamp(min=1e-12) / 448.0
        coded = (cut / scales[:, None, :, None]).to(torch.float8_e4m3fn)
        whole = (coded.float() * scales[:, None, :, None]).flatten(2).flatten(0, 1)
        exact[name] = whole[:values.shape[0], :values.shape[1]].contiguous()
        out[name] = coded.flatten(2).flatten(0, 1)[:values.shape[0], :values.shape[1]].contiguous()
        out[name + "_scale_inv"] = scales
    restore(model, directory, {**out, **exact})
    save_file(out, path)
    configure(directory, {"quant_method": "fp8", "weight_block_size": [BLOCK, BLOCK], "fmt": "e4m3"})


def restore(model, directory, tensors):
    """Loads the checkpoint's tensors, without scales, into the model by way of transformers' own conversion."""
    plain = os.path.join(directory, "plain")
    model.save_pretrained(plain)
    save_file({name: values for name, values in tensors.items() if not name.endswith("_scale_inv")},
              os.path.join(plain, "model.safetensors"), metadata={"format": "pt"})
    loaded = type(model).from_pretrained(plain, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())


def mxfp4(model, directory):
    """Experts as gpt-oss ships them: blocks of 32 four-bit numbers with a power of two each."""
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors
    model.save_pretrained(directory)
    path = os.path.join(directory, "model.safetensors")
    draws = torch.Generator().manual_seed(5)
    out = {}
    for name, values in load_file(path).items():
        if not re.search(r"experts\.(gate_up_proj|down_proj)$", name):
            out[name] = values
            continue
        experts, inputs, outputs = values.shape
        packed = torch.randint(0, 256, (experts, outputs, inputs // 32, 16), dtype=torch.uint8, generator=draws)
        scales = torch.randint(122, 126, (experts, outputs, inputs // 32), dtype=torch.uint8, generator=draws)
        with torch.no_grad():
            model.get_parameter(name).copy_(convert_moe_packed_tensors(packed, scales, dtype=torch.float32))
        out[name + "_blocks"], out[name + "_scales"] = packed, scales
    save_file(out, path)
    configure(directory, {"quant_method": "mxfp4"})

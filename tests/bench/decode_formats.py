"""Writes random matrices in every way that checkpoints keep them, for decode_bench.

usage: decode_formats.py DIRECTORY OUTPUTS INPUTS
"""
import json
import os
import sys

import torch
from safetensors.torch import save_file

directory, outputs, inputs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.manual_seed(1)


def words(*shape):
    return torch.randint(-2 ** 31, 2 ** 31, shape, dtype=torch.int64).to(torch.int32)


def small(*shape, dtype=torch.float16):
    return (torch.rand(shape) * 0.1 + 0.01).to(dtype)


values = torch.randn(outputs, inputs)
state = json.dumps({"blocksize": 64, "shape": [outputs, inputs], "nested_blocksize": 256, "nested_offset": 0.1})
four_bit = {"quant_map": torch.linspace(-1, 1, 16), "quant_state.bitsandbytes__nf4": torch.tensor(list(state.encode()), dtype=torch.uint8)}
blocks = outputs * inputs // 64
matrices = {
    "bf16": {"weight": values.bfloat16()},
    "f16": {"weight": values.half()},
    "e4m3_block": {"weight": values.to(torch.float8_e4m3fn), "weight_scale_inv": torch.rand(outputs // 128, inputs // 128)},
    "e4m3_output": {"weight": values.to(torch.float8_e4m3fn), "weight_scale": torch.rand(outputs, 1)},
    "int8_output": {"weight": words(outputs, inputs).to(torch.int8), "weight_scale": torch.rand(outputs, 1)},
    "packed4": {"weight_packed": words(outputs, inputs // 8), "weight_scale": small(outputs, inputs // 128)},
    "gptq4": {"qweight": words(inputs // 8, outputs), "qzeros": words(inputs // 128, outputs // 8), "scales": small(inputs // 128, outputs)},
    "gptq4_order": {"qweight": words(inputs // 8, outputs), "qzeros": words(inputs // 128, outputs // 8), "scales": small(inputs // 128, outputs),
                    "g_idx": (torch.randperm(inputs) // 128).int()},
    "awq": {"qweight": words(inputs, outputs // 8), "qzeros": words(inputs // 128, outputs // 8), "scales": small(inputs // 128, outputs)},
    "nf4": {"weight": torch.randint(0, 256, (outputs * inputs // 2, 1), dtype=torch.uint8), "weight.absmax": torch.rand(blocks),
            **{f"weight.{name}": piece for name, piece in four_bit.items()}},
    "nf4_nested": {"weight": torch.randint(0, 256, (outputs * inputs // 2, 1), dtype=torch.uint8),
                   "weight.absmax": torch.randint(0, 256, (blocks,), dtype=torch.uint8), "weight.nested_absmax": torch.rand(-(-blocks // 256)),
                   "weight.nested_quant_map": torch.linspace(-1, 1, 256), **{f"weight.{name}": piece for name, piece in four_bit.items()}},
    "mxfp4": {"weight_packed": torch.randint(0, 256, (outputs, inputs // 2), dtype=torch.uint8),
              "weight_scale": torch.randint(120, 130, (outputs, inputs // 32), dtype=torch.uint8)},
    "nvfp4": {"weight_packed": torch.randint(0, 256, (outputs, inputs // 2), dtype=torch.uint8),
              "weight_scale": small(outputs, inputs // 16, dtype=torch.float8_e4m3fn), "weight_global_scale": torch.tensor([3.0])},
}
os.makedirs(directory, exist_ok=True)
save_file({f"{name}.{piece}": tensor.clone() for name, pieces in matrices.items() for piece, tensor in pieces.items()},
          os.path.join(directory, "model.safetensors"))

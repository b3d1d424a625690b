"""Writes the small golden vectors of the unit tests: matrices of few bits as libraries pack them, and what these decode.

usage: quantised_vectors.py tests/unit/checkpoint/quantised/model.safetensors
For each case: the tensors of CASE.weight as a checkpoint has them, and CASE.expected (outputs, inputs) in F32. Sizes are
uneven on purpose where the library takes them. "v2" in a name: GPTQ's zero points as they are.
"""
import sys

import torch
from safetensors.torch import save_file

import storing_quantised as q


def cases():
    compressed = q.compressed
    yield "e4m3_tensor", q.e4m3(q.per_tensor), (5, 7)
    yield "e4m3_output", q.e4m3(q.per_output), (5, 7)
    yield "e4m3_block", compressed("naive-quantized", num_bits=8, type="float", strategy="block", block_structure=[4, 6])[0], (10, 15)
    yield "int8_zero", compressed("int-quantized", num_bits=8, strategy="channel", symmetric=False)[0], (5, 7)
    yield "int8_group", compressed("int-quantized", num_bits=8, strategy="group", group_size=4)[0], (5, 12)
    yield "packed4", compressed("pack-quantized", num_bits=4, strategy="group", group_size=4)[0], (5, 20)
    yield "packed4_zero", compressed("pack-quantized", num_bits=4, strategy="group", group_size=7, symmetric=False)[0], (11, 21)
    yield "packed4_output", compressed("pack-quantized", num_bits=4, strategy="channel")[0], (3, 13)
    yield "packed8_zero", compressed("pack-quantized", num_bits=8, strategy="group", group_size=5, symmetric=False)[0], (6, 15)
    yield "nvfp4", compressed("nvfp4-pack-quantized", num_bits=4, type="float", strategy="tensor_group", group_size=16)[0], (3, 48)
    yield "mxfp4", compressed("mxfp4-pack-quantized", num_bits=4, type="float", strategy="group", group_size=32, scale_dtype="torch.uint8")[0], (3, 64)
    yield "gptq4", q.gptq(4, 16, True)[0], (32, 48)
    yield "gptq4_order", q.gptq(4, 16, True, by_activation=True)[0], (32, 48)
    yield "gptq8_v2", q.gptq(8, 16, False)[0], (32, 16)
    yield "awq", q.awq(16)[0], (24, 32)
    yield "nf4", q.four_bit("nf4", nested=False)[0], (5, 51)
    yield "nf4_nested", q.four_bit("nf4", nested=True, block=32)[0], (260, 32)
    yield "fp4", q.four_bit("fp4", nested=False, block=32)[0], (4, 32)
    yield "llm_int8", q.eight_bit()[0], (5, 7)


def main():
    torch.manual_seed(3)
    out = {}
    for number, (name, coder, shape) in enumerate(cases()):
        values = torch.randn(shape)
        values[1].abs_()  # a zero point of 0: in GPTQ's first format it borrows from its neighbour
        pieces, decoded = coder(values, number)
        out.update({f"{name}.{piece}": tensor.contiguous() for piece, tensor in pieces.items()})
        out[f"{name}.expected"] = decoded.contiguous()
    save_file(out, sys.argv[1])


if __name__ == "__main__":
    main()

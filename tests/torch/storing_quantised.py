"""Checkpoints in few bits, written by the libraries that write them.

Each store function writes the checkpoint and leaves in the model the numbers that the same library decodes from what
stands in the file, in float32. A library that is not installed raises Missing.
"""
import importlib
import json
import os
import re
import types

import torch
from safetensors.torch import load_file, save_file

import storing

LINEAR = r"(_proj|_proj_with_mqa|\.w[123])\.weight$"


class Missing(Exception):
    pass


def library(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Missing(f"{name}: {error}") from error


def store(coder, quantisation, linear=LINEAR, save=storing.one_file):
    """coder(values, number) gives what stands in place of a weight, by the end of its name, and the numbers decoded.

    Ends begin at "weight" of "q_proj.weight", or at the end of "gate_up_proj".
    """
    def write(model, directory):
        settings = quantisation() if callable(quantisation) else quantisation
        save(model, directory)
        path = os.path.join(directory, "model.safetensors")
        out, exact = {}, {}
        for number, (name, values) in enumerate(sorted(load_file(path).items())):
            if not re.search(linear, name):
                out[name] = exact[name] = values
                continue
            pieces, decoded = coder(values, number)
            exact[name] = decoded.contiguous()
            out.update({name.removesuffix("weight") + piece: tensor.contiguous() for piece, tensor in pieces.items()})
        storing.restore(model, directory, exact)
        save_file(out, path)
        storing.configure(directory, settings)
    return write


# FP8 as transformers and engines keep it

def e4m3(scale, name="weight_scale", activations="input_scale"):
    """scale(values) gives what divides them, in a shape that broadcasts."""
    def code(values, _):
        scales = scale(values)
        coded = (values / scales).clamp(-448, 448).to(torch.float8_e4m3fn)
        return {"weight": coded, name: scales, activations: torch.tensor(0.5)}, coded.float() * scales
    return code


def per_tensor(values):
    return values.abs().amax() / 448.0


def per_output(values):
    return values.abs().amax(dim=1, keepdim=True) / 448.0


def e4m3_blocks(values, _):
    """Experts in one tensor, (experts, outputs, inputs), with scales of 128 x 128."""
    coded, scales, decoded = zip(*(block_e4m3(expert) for expert in values))
    return {"": torch.stack(coded), "_scale_inv": torch.stack(scales), "_activation_scale": torch.tensor(0.5)}, torch.stack(decoded)


def block_e4m3(values):
    cut = storing.blocks(values)
    scales = cut.abs().amax(dim=(1, 3)).clamp(min=1e-12) / 448.0
    coded = (cut / scales[:, None, :, None]).to(torch.float8_e4m3fn)
    whole = [part.flatten(2).flatten(0, 1)[:values.shape[0], :values.shape[1]] for part in (coded, coded.float() * scales[:, None, :, None])]
    return whole[0], scales, whole[1]


def e4m3_inputs_first(values, _):
    """(experts, inputs, outputs), as fbgemm_fp8 keeps Llama 4: scales (experts, 1, outputs), of the second matrix (experts, outputs, 1)."""
    scales = values.abs().amax(dim=1, keepdim=True) / 448.0
    coded = (values / scales).to(torch.float8_e4m3fn)
    gate_up = values.shape[2] != 64
    return {"": coded, "_scale": scales if gate_up else scales.transpose(1, 2)}, coded.float() * scales


# compressed-tensors

def compressed(form, activations=None, **arguments):
    """One of its compressors, with the scheme that these arguments describe."""
    def scheme():
        quantization = library("compressed_tensors.quantization")
        weights = quantization.QuantizationArgs(**arguments)
        return quantization.QuantizationScheme(targets=["Linear"], weights=weights, input_activations=activations and
                                               quantization.QuantizationArgs(**activations))

    def parameters(values, weights):
        helpers = library("compressed_tensors.quantization.utils.helpers")
        if values.dim() == 3:
            return (torch.stack(part) for part in zip(*(parameters(expert, weights) for expert in values)))
        rows, columns = values.shape
        if weights.strategy == "block":
            high, wide = weights.block_structure
            padded = torch.nn.functional.pad(values, (0, -columns % wide, 0, -rows % high))
            cut = padded.view(padded.shape[0] // high, high, padded.shape[1] // wide, wide)
            return helpers.calculate_qparams(cut.amin((1, 3)), cut.amax((1, 3)), weights)
        if weights.strategy == "tensor":
            return helpers.calculate_qparams(values.amin().view(1), values.amax().view(1), weights)
        cut = values.view(rows, -1, weights.group_size if "group" in weights.strategy else columns)
        return helpers.calculate_qparams(cut.amin(-1), cut.amax(-1), weights)

    def code(values, _):
        compressors = library("compressed_tensors.compressors")
        how = scheme()
        state = {"weight": values.clone()}
        if form == "nvfp4-pack-quantized":
            helpers = library("compressed_tensors.quantization.utils.helpers")
            whole = helpers.generate_gparam(values.amin(), values.amax())
            state["weight_global_scale"] = whole
            cut = values.view(values.shape[0], -1, 16)
            state["weight_scale"], _ = helpers.calculate_qparams(cut.amin(-1), cut.amax(-1), how.weights, global_scale=whole)
        else:
            state["weight_scale"], zeros = parameters(values, how.weights)
            state["weight_zero_point"] = zeros
        compressor = compressors.BaseCompressor.get_value_from_registry(form)
        pieces = compressor.compress(state, how)
        decoded = nvfp4(pieces, how) if "nvfp4" in form else compressor.decompress(pieces, how)["weight"].float()
        return {name: torch.as_tensor(piece) for name, piece in pieces.items()}, decoded

    def quantisation():
        group = json.loads(scheme().model_dump_json())
        return {"quant_method": "compressed-tensors", "format": form, "quantization_status": "compressed",
                "config_groups": {"group_0": group}, "ignore": ["lm_head", "re:.*gate$"]}
    return code, quantisation


def nvfp4(pieces, scheme):
    """Its decompressor unpacks to bfloat16; the same steps in float32."""
    codes = pieces["weight_packed"]
    unpacked = library("compressed_tensors.compressors.nvfp4.helpers").unpack_fp4_from_uint8(
        codes, codes.shape[0], codes.shape[1] * 2, dtype=torch.float32)
    return library("compressed_tensors.quantization.lifecycle.forward").dequantize(
        x_q=unpacked, scale=pieces["weight_scale"].float(), args=scheme.weights,
        global_scale=pieces["weight_global_scale"], dtype=torch.float32)


# GPTQ and AWQ, by GPTQModel

def asymmetric(values, bits, group):
    """Scales and zero points of groups of inputs, (outputs, groups)."""
    cut = values.view(values.shape[0], -1, group)
    low, high = cut.amin(-1).clamp(max=0), cut.amax(-1).clamp(min=0)
    scales = ((high - low) / (2 ** bits - 1)).half().float()
    return scales, (-low / scales).round().clamp(0, 2 ** bits - 1)


def gptq(bits, group, first_format, by_activation=False):
    def code(values, number):
        torch_linear = library("gptqmodel.nn_modules.qlinear.torch")
        formats = library("gptqmodel.utils.model")
        outputs, inputs = values.shape
        scales, zeros = asymmetric(values, bits, group)
        groups = torch.arange(inputs) // group
        if by_activation:
            groups = groups[torch.randperm(inputs, generator=torch.Generator().manual_seed(number))]
        layer = torch_linear.TorchLinear(bits=bits, group_size=group, sym=False, desc_act=by_activation,
                                         in_features=inputs, out_features=outputs, bias=False)
        plain = torch.nn.Linear(inputs, outputs, bias=False)
        plain.weight.data = values.clone()
        layer.pack_original(plain, scales, zeros, groups.int())
        pieces = {"qweight": layer.qweight, "scales": layer.scales, "g_idx": layer.g_idx.int(), "qzeros": layer.qzeros.clone()}
        layer.scales = layer.scales.float()
        decoded = layer.eval().dequantize_weight().T.float()
        if first_format:
            formats.convert_gptq_v2_to_v1_format_module(layer, types.SimpleNamespace(bits=bits, pack_dtype=torch.int32))
            pieces["qzeros"] = layer.qzeros
        return pieces, decoded
    return code, {"quant_method": "gptq", "bits": bits, "group_size": group, "desc_act": by_activation, "sym": False,
                  "checkpoint_format": "gptq" if first_format else "gptq_v2", "lm_head": False}


def awq(group):
    def code(values, _):
        packing = library("gptqmodel.quantization.awq.utils.packing_utils")
        scales, zeros = asymmetric(values, 4, group)
        codes = (values / scales.repeat_interleave(group, 1) + zeros.repeat_interleave(group, 1)).round().clamp(0, 15)
        words, zero_words = packing.pack_awq(codes.T.contiguous().int(), zeros.T.contiguous().int(), 4)
        scales = scales.T.contiguous()
        decoded = packing.dequantize_gemm(words, zero_words, scales, 4, group).T
        return {"qweight": words, "qzeros": zero_words, "scales": scales.half()}, decoded.float()
    return code, {"quant_method": "awq", "bits": 4, "group_size": group, "version": "gemm", "zero_point": True}


# bitsandbytes

def four_bit(kind, nested, block=64):
    def code(values, _):
        functional = library("bitsandbytes.functional")
        codes, state = functional.quantize_4bit(values, blocksize=block, quant_type=kind, compress_statistics=nested)
        beside = {f"weight.{name}": piece for name, piece in state.as_dict(packed=True).items()}
        # As one line: its CPU kernel (0.50) begins a block anew with every row, where rows are no whole blocks.
        state.shape = torch.Size((1, values.numel()))
        return {"weight": codes, **beside}, functional.dequantize_4bit(codes, state).view(values.shape)
    return code, {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": kind,
                  "bnb_4bit_use_double_quant": nested, "llm_int8_threshold": 6.0}


def eight_bit():
    def code(values, _):
        functional = library("bitsandbytes.functional")
        codes, largest, _ = functional.int8_vectorwise_quant(values.half())
        decoded = functional.int8_vectorwise_dequant(codes, largest)
        return {"weight": codes, "SCB": largest, "weight_format": torch.tensor(0, dtype=torch.uint8)}, decoded
    return code, {"quant_method": "bitsandbytes", "load_in_8bit": True, "llm_int8_threshold": 6.0}


FP8 = {"quant_method": "fp8", "activation_scheme": "static", "weight_block_size": None}
FBGEMM = {"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0, "modules_to_not_convert": ["lm_head"]}
PER_TOKEN = dict(num_bits=8, type="float", strategy="token", dynamic=True)

# (what it is called, how it is stored)
FORMS = [
    ("E4M3, one scale a matrix", store(e4m3(per_tensor, "weight_scale_inv", "activation_scale"), FP8)),
    ("E4M3, one scale an output", store(e4m3(per_output), FBGEMM)),
    ("compressed-tensors E4M3, a scale an output", store(*compressed("float-quantized", PER_TOKEN, num_bits=8, type="float", strategy="channel"))),
    ("compressed-tensors E4M3, blocks of 48 x 40", store(*compressed("naive-quantized", num_bits=8, type="float", strategy="block", block_structure=[48, 40]))),
    ("compressed-tensors INT8, a scale an output, routers too", store(*compressed("int-quantized", dict(num_bits=8, strategy="token", dynamic=True), num_bits=8, strategy="channel"), linear=r"(_proj|gate)\.weight$")),
    ("compressed-tensors INT8, zero points", store(*compressed("int-quantized", dict(num_bits=8, strategy="token", dynamic=True), num_bits=8, strategy="channel", symmetric=False))),
    ("compressed-tensors INT4, groups of 16", store(*compressed("pack-quantized", num_bits=4, strategy="group", group_size=16))),
    ("compressed-tensors INT4, zero points", store(*compressed("pack-quantized", num_bits=4, strategy="group", group_size=32, symmetric=False))),
    ("compressed-tensors INT8, packed", store(*compressed("pack-quantized", num_bits=8, strategy="channel"))),
    ("compressed-tensors NVFP4", store(*compressed("nvfp4-pack-quantized", num_bits=4, type="float", strategy="tensor_group", group_size=16))),
    ("compressed-tensors MXFP4", store(*compressed("mxfp4-pack-quantized", num_bits=4, type="float", strategy="group", group_size=32, scale_dtype="torch.uint8"))),
    ("GPTQ, 4 bits", store(*gptq(4, 16, True))),
    ("GPTQ, 4 bits, by activation", store(*gptq(4, 32, True, by_activation=True))),
    ("GPTQ v2, 8 bits", store(*gptq(8, 32, False))),
    ("AWQ", store(*awq(16))),
    ("NF4", store(*four_bit("nf4", nested=False))),
    ("NF4, absmax nested", store(*four_bit("nf4", nested=True))),
    ("FP4", store(*four_bit("fp4", nested=False, block=128))),
    ("LLM.int8()", store(*eight_bit())),
]
EXPERTS = r"experts\.(gate_up|down)_proj$"
# (model_type, changes to its small configuration, what it is called, how it is stored): all experts in one tensor
FUSED = [
    ("qwen3_moe", dict(hidden_size=160, moe_intermediate_size=136), "E4M3 with block scales, experts in one tensor", store(e4m3_blocks, dict(FP8, weight_block_size=[128, 128]), EXPERTS, storing.fused)),
    ("llama4_text", dict(hidden_size=64, intermediate_size=48, intermediate_size_mlp=56, head_dim=16), "E4M3, one scale an output, inputs first", store(e4m3_inputs_first, FBGEMM, EXPERTS)),
    ("granitemoe", dict(hidden_size=64, intermediate_size=48, attention_multiplier=0.3), "compressed-tensors INT4, experts in one tensor", store(*compressed("pack-quantized", num_bits=4, strategy="group", group_size=16, symmetric=False), r"_linear\.weight$")),
]

"""Megatron's expert parallel ranks share the rows, its sequence parallel ranks the positions."""

import torch

import megatron_cpu
import toy
from audit_megatron import gpt
from ranks import Setting


def start(**parallel):
    def run(rank, ranks, meeting):
        megatron_cpu.start(rank, ranks, meeting, **(parallel if ranks > 1 else {}))
    return run


def expert_parallel(**options):
    def build(rank, ranks, weights):
        from megatron.core import parallel_state
        from pastonly.adapters.megatron import Megatron

        model = gpt("train", expert_model_parallel_size=ranks, **options)().model
        if weights is not None:
            here = toy.EXPERTS // ranks
            model.load_state_dict({name: _of(name, weights, rank * here) for name in model.state_dict()})
        return Megatron(model, vocab=toy.VOCAB, rows=parallel_state.get_data_parallel_group() if ranks > 1 else None)
    return build


def _of(name, weights, first):
    """An expert's weights by its number in the whole model."""
    parts = name.split(".")
    if "local_experts" in parts:
        at = parts.index("local_experts") + 1
        parts[at] = str(int(parts[at]) + first)
    return weights[".".join(parts)]


def sequence_parallel(**options):
    def build(rank, ranks, weights):
        from megatron.core.transformer import torch_norm
        from pastonly.adapters.megatron import Megatron

        # Refused for want of a sum of its gradients; there are none here.
        torch_norm.WrappedTorchNorm.__new__ = lambda cls, config, hidden_size, eps=1e-5, **more: torch.nn.LayerNorm(hidden_size, eps)
        parts = dict(tensor_model_parallel_size=ranks, sequence_parallel=True) if ranks > 1 else {}
        model = gpt("train", **parts, **options)().model
        if weights is not None:
            model.load_state_dict({name: _slice(name, mine, weights[name], rank)
                                   for name, mine in model.state_dict().items()})
        return Megatron(model, vocab=toy.VOCAB, ranks=torch.distributed.group.WORLD if ranks > 1 else None)
    return build


def _slice(name, mine, whole, rank):
    """This rank's part of a weight that ranks share along one axis."""
    if mine is None or not hasattr(mine, "shape") or mine.shape == whole.shape:
        return whole
    axis = next(at for at, (part, all_of) in enumerate(zip(mine.shape, whole.shape)) if part != all_of)
    return whole.narrow(axis, rank * mine.shape[axis], mine.shape[axis])


PARTS = dict(expert_model_parallel_size=2)
SETTINGS = [
    Setting("megatron, 2 expert parallel ranks, top-2", start(**PARTS), expert_parallel(), "pass"),
    Setting("megatron, 2 expert parallel ranks, top-2, capacity 1 by probability", start(**PARTS),
            expert_parallel(moe_expert_capacity_factor=1.0), "fail"),
    Setting("megatron, 2 sequence parallel ranks, top-2", start(tensor_model_parallel_size=2), sequence_parallel(), "pass",
            shares_rows=False),
]

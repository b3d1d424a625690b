"""DeepSpeed's expert parallel ranks: each gates its own rows, and experts are exchanged."""

import deepspeed
import torch
from deepspeed.moe.layer import MoE

import toy
from pastonly.adapters.deepspeed import DeepSpeed
from ranks import Setting


def start(rank, ranks, meeting):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=ranks)
    deepspeed.init_distributed("gloo", auto_mpi_discovery=False, verbose=False)


def expert_parallel(**options):
    def build(rank, ranks, weights):
        torch.manual_seed(0)
        model = toy.Toy(lambda: MoE(toy.WIDTH, toy.expert(), num_experts=toy.EXPERTS, ep_size=ranks, **options))
        if weights is None:
            toy.sharpen([block.moe.deepspeed_moe.gate.wg.weight for block in model.blocks])
            for block in model.blocks:  # else all begin as copies of one
                toy.sharpen([weight for weight in block.moe.deepspeed_moe.experts.parameters()], seed=5, scale=0.2)
        else:
            here = toy.EXPERTS // ranks
            model.load_state_dict({name: _of(name, weights, rank * here) for name in model.state_dict()})
        for block in model.blocks:
            block.moe.set_deepspeed_parallelism()
        return DeepSpeed(model.train(), vocab=toy.VOCAB, rows=torch.distributed.group.WORLD if ranks > 1 else None)
    return build


def _of(name, weights, first):
    """An expert's weights by its number in the whole model."""
    parts = name.split(".")
    if "deepspeed_experts" in parts:
        at = parts.index("deepspeed_experts") + 1
        parts[at] = str(int(parts[at]) + first)
    return weights[".".join(parts)]


SETTINGS = [
    Setting("deepspeed, 2 expert parallel ranks, k=1, drop_tokens=False", start,
            expert_parallel(k=1, drop_tokens=False, use_rts=False), "pass"),
    Setting("deepspeed, 2 expert parallel ranks, k=2, capacity 1", start,
            expert_parallel(k=2, top2_2nd_expert_sampling=False), "fail"),
]

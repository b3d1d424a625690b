"""OLMo-core's expert parallel ranks: each sorts and drops within its own rows, and tokens are exchanged."""

import torch
from olmo_core.ops import moe as engine_ops
from torch.distributed.device_mesh import init_device_mesh

import olmo_kernels
import toy
from audit_olmo_core import transformer
from pastonly.adapters.olmo_core import OlmoCore
from ranks import Setting


def start(rank, ranks, meeting):
    torch.set_num_threads(1)
    engine_ops.kernels = olmo_kernels
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=ranks)


def expert_parallel(dropless, **options):
    def build(rank, ranks, weights):
        model = transformer("train", dropless, **options)().model
        if weights is not None:
            model.load_state_dict(weights)
            mesh = init_device_mesh("cpu", (ranks,), mesh_dim_names=("ep",))
            for block in model.blocks.values():
                block.feed_forward_moe.apply_ep(mesh)
        return OlmoCore(model, vocab=toy.VOCAB, rows=torch.distributed.group.WORLD if ranks > 1 else None)
    return build


SETTINGS = [
    Setting("olmo_core, 2 expert parallel ranks, dropless, top-2", start, expert_parallel(True), "pass"),
    Setting("olmo_core, 2 expert parallel ranks, capacity 1, top-2", start, expert_parallel(False, capacity_factor=1.0), "fail"),
]

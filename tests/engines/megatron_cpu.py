"""Megatron-core without a GPU: what it asks of one, answered by the CPU. Its own code does the rest."""

import contextlib
import os
import tempfile

import torch
import torch.distributed as dist


class _Stream:
    """One queue: nothing runs beside anything."""

    def __init__(self, *args, **kwargs):
        pass

    def wait_stream(self, other):
        pass

    def synchronize(self):
        pass

    def record_event(self, event=None):
        return self


def start(rank=0, ranks=1, meeting=None, **parallel):
    """Process groups over gloo; `parallel` goes to initialize_model_parallel."""
    torch.set_num_threads(1)
    torch.cuda.current_device = lambda: torch.device("cpu")
    torch.cuda.Stream = _Stream
    queue = _Stream()
    torch.cuda.current_stream = lambda device=None: queue
    torch.cuda.stream = lambda stream: contextlib.nullcontext()

    from megatron.core.fusions import fused_softmax
    from megatron.core.transformer.moe import moe_utils, token_dispatcher

    moe_utils.te_general_gemm = None  # named by the router whether or not Transformer Engine is there
    fused_softmax.get_default_causal_mask = lambda size: torch.triu(torch.ones(size, size), diagonal=1).bool()
    # Counts of tokens leave a GPU as NumPy arrays; here they are on the CPU already, and still tensors.
    token_dispatcher.maybe_move_tensor_to_cpu = _as_from_gpu
    meeting = meeting or os.path.join(tempfile.mkdtemp(prefix="pastonly-meeting-"), "ranks")
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=ranks)
    from megatron.core import parallel_state

    parallel_state.initialize_model_parallel(**parallel)
    _bind_seeds()


def _as_from_gpu(tensor, as_numpy=False, record_stream=False):
    return tensor.numpy() if as_numpy and torch.is_tensor(tensor) else tensor


def _bind_seeds():
    """The tracker of a GPU's generators, of which there is none: weights come from the CPU's generator."""
    from megatron.core.tensor_parallel import random as megatron_random

    megatron_random.initialize_rng_tracker()
    tracker = megatron_random.get_cuda_rng_tracker()
    tracker.fork = lambda *args, **kwargs: contextlib.nullcontext()

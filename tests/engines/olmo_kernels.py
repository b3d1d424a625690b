"""The four Triton kernels of olmo_core/kernels/moe.py that move tokens to experts and back, in plain PyTorch.

They copy rows and decide nothing: the sort and the capacity are the engine's own. `same_as_triton` compares them with
the engine's, run by Triton's interpreter.
"""

import torch


def gather(x, indices, bin_ids, weights, bins, top_k):
    """(tokens, D) -> (tokens * K, D), sorted by expert."""
    rows = x[indices.long() // top_k]
    return rows if weights is None else rows * weights[indices.long(), None]


def scatter(x, indices, bin_ids, weights, bins, top_k):
    """(tokens * K, D), sorted by expert -> (tokens, D), weighted and summed over the choices."""
    out = torch.zeros_like(x)
    out[indices.long()] = x if weights is None else x * weights[indices.long(), None].to(x.dtype)
    return out.view(-1, top_k, x.shape[-1]).sum(dim=1)


def binned_gather(x, indices, weights, bins, expert_capacity, top_k):
    """(tokens, D) -> (experts, capacity, D): the first of every bin, zeros after its end."""
    out = torch.zeros(len(bins), expert_capacity, x.shape[-1], dtype=x.dtype)
    for expert, taken in enumerate(_bins(indices, bins, expert_capacity)):
        out[expert, :len(taken)] = x[taken // top_k] if weights is None else x[taken // top_k] * weights[taken, None]
    return out


def binned_scatter(x, indices, weights, bins, top_k):
    """(experts, capacity, D) -> (tokens, D): dropped choices add nothing."""
    out = torch.zeros(len(indices), x.shape[-1], dtype=x.dtype)
    for expert, taken in enumerate(_bins(indices, bins, x.shape[1])):
        out[taken] = x[expert, :len(taken)] if weights is None else x[expert, :len(taken)] * weights[taken, None].to(x.dtype)
    return out.view(-1, top_k, x.shape[-1]).sum(dim=1)


def _bins(indices, bins, expert_capacity):
    ends = bins.tolist()
    return [indices[start:min(end, start + expert_capacity)].long() for start, end in zip([0] + ends[:-1], ends)]


def same_as_triton():
    """Whether both give the same on a small batch with drops; TRITON_INTERPRET=1 has to be set before any import."""
    import triton

    triton.autotune = lambda configs, key, **more: lambda kernel: _FirstConfig(kernel, configs[0])
    from olmo_core.kernels import moe as engine

    generator = torch.Generator().manual_seed(0)
    tokens, width, experts, top_k, room = 24, 16, 4, 2, 8
    x, weights = torch.randn(tokens, width, generator=generator), torch.rand(tokens * top_k, generator=generator)
    chosen = torch.randint(0, experts, (tokens * top_k,), generator=generator, dtype=torch.int32)
    bin_ids, order = torch.sort(chosen)
    order, bins = order.int(), torch.bincount(chosen, minlength=experts).cumsum(0).int()
    assert max(torch.bincount(chosen)) > room
    here = __import__("olmo_kernels")
    rows = engine.gather(x, order, bin_ids, None, bins, top_k)
    binned = engine.binned_gather(x, order, None, bins, room, top_k)
    pairs = [(rows, here.gather(x, order, bin_ids, None, bins, top_k)),
             (binned, here.binned_gather(x, order, None, bins, room, top_k)),
             (engine.scatter(rows, order, bin_ids, weights, bins, top_k),
              here.scatter(rows, order, bin_ids, weights, bins, top_k)),
             (engine.binned_scatter(binned, order, weights, bins, top_k),
              here.binned_scatter(binned, order, weights, bins, top_k))]
    return all(torch.allclose(one, other, atol=1e-6) for one, other in pairs)


class _FirstConfig:
    """Tuning asks a GPU's driver; any configuration computes the same."""

    def __init__(self, kernel, config):
        self.kernel, self.config = kernel, config

    def __getitem__(self, grid):
        return lambda *args, **named: self.kernel[grid](*args, **named, **self.config.kwargs)


if __name__ == "__main__":
    import sys

    sys.exit(0 if same_as_triton() else 1)

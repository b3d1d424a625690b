"""What every adapter of a torch module needs: one forward pass that leaves no trace in the module."""
from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Dict, List, Tuple

import torch

from ..quiet import noise_of, quiet
from ..seeding import generators_kept, reseed
from .torch_state import state_kept


def compute_type(module) -> str:
    """The type of most weights: rounding follows it."""
    counts: Dict[str, int] = {}
    for parameter in module.parameters():
        if parameter.is_floating_point():
            name = str(parameter.dtype).replace("torch.", "")
            counts[name] = counts.get(name, 0) + parameter.numel()
    found = max(counts, key=lambda name: counts[name]) if counts else "float32"
    return found if found in ("float64", "float32", "float16", "bfloat16") else "bfloat16"


def device_of(module):
    """Where token ids go: the device of the embeddings, which are the first parameters."""
    return next((parameter.device for parameter in module.parameters()), torch.device("cpu"))


@contextmanager
def passing(module, mode: str):
    """Within: mode "train" or "eval", no gradients, no dropout or jitter. Afterwards modes and state are as they were.

    State, because some routers move a bias in every pass of training mode: runs would then differ by their order.
    """
    modes: List[Tuple[torch.nn.Module, bool]] = [(part, part.training) for part in module.modules()]
    with state_kept(module):
        module.train(mode == "train")
        try:
            with quiet(module), torch.no_grad():
                yield
        finally:
            for part, training in modes:
                part.training = training


def noise_remarks(module, mode: str) -> List[Tuple[str, str]]:
    """What `passing` will switch off."""
    modes = [(part, part.training) for part in module.modules()]
    module.train(mode == "train")
    try:
        return noise_of(module)
    finally:
        for part, training in modes:
            part.training = training


def draws_of(run: Callable, tokens) -> Tuple[bool, List[Tuple[str, str]]]:
    """(whether another seed changes what `run(tokens)` returns, remarks): what `passing` could not switch off, as dropout that is
    a call of a function and not a module. Known by what it does, since code has many ways to write it."""
    found: List[dict] = []
    with generators_kept():
        for seed in (1, 1, 2):
            reseed(None, seed)
            found.append(run(tokens))
    again, other = ([name for name, values in found[0].items() if not _same(values, later.get(name))] for later in found[1:])
    if again:
        return False, [("draws-unseeded", f"runs with equal seeds differ ({', '.join(again)}): something draws from a generator "
                                          "of its own, or sums in no fixed order")]
    if other:
        return True, [("draws", f"another seed changes {', '.join(other)}: something is drawn at random and is not switched off "
                                "(dropout as a function, or the rule itself). All runs hold the same draws where shapes are equal")]
    return False, []


def _same(one, other) -> bool:
    return other is not None and one.shape == other.shape and bool(((one == other) | (one.isnan() & other.isnan())).all())


def log_probabilities(logits, tokens):
    """ln p of every token given those before it, (B, S), from logits (B, S, V). Row by row: V may be large."""
    out = torch.full(tokens.shape, float("nan"), dtype=torch.float32, device=logits.device)
    for row in range(tokens.shape[0]):
        chosen = torch.log_softmax(logits[row, :-1].float(), -1)
        out[row, 1:] = chosen.gather(-1, tokens[row, 1:, None].to(logits.device))[:, 0]
    return out


PROBES = 8  # token ids whose probability after every position is recorded


def predictions(logits):
    """(B, S, PROBES): ln p that every position gives to the same few token ids, whatever token follows."""
    ids = torch.linspace(0, logits.shape[-1] - 1, PROBES, device=logits.device).long()
    return torch.stack([torch.log_softmax(row.float(), -1)[:, ids] for row in logits]).clamp(min=-1e4)


def successor_log_probabilities(logits, successors):
    """ln p of the token that follows each row, (B), from logits (B, S, V)."""
    last = torch.log_softmax(logits[:, -1].float(), -1)
    return last.gather(-1, torch.as_tensor(successors, device=last.device)[:, None])[:, 0]

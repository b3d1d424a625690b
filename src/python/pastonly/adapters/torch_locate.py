"""Where a model without routers looks ahead: the first module that makes something else of the same tokens before a cut.

Two inputs that differ from a cut on are run again, and every call of every module is watched. A module whose inputs before the
cut are equal, and whose output is not, looks at later tokens itself, or one within it does: the first call that ends is the
innermost.
"""
from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch

from ..facts import Facts
from ..runner import Runner

ROUNDING = 16  # so many times the spacing of a type, of the largest number beside it, is rounding


@dataclass
class Call:
    """One call of a module: what it was given and what it made, of one row, before the cut."""

    name: str
    kind: str
    began: int
    given: List["torch.Tensor"]
    made: List["torch.Tensor"]
    wide: bool = False  # whether what it made has an entry for every token id: logits


@dataclass
class Place:
    """`module` "" is the model itself. `inside`: the first part in it that is given something else. `head`: logits alone."""

    module: str
    kind: str
    inside: Optional[str]
    head: bool
    position: int
    change: float

    def line(self) -> str:
        name = f"{self.module} ({self.kind})" if self.module else f"the model itself ({self.kind})"
        where = f", before {self.inside}" if self.inside else ""
        if self.head:
            return f"First layer: nothing before the logits differs; what looks ahead is {name}{where}."
        return (f"First layer: {name}{where}. What it is given of the tokens before the cut is the same, and what it makes of "
                f"them differs by {self.change:.3g} at position {self.position}.")


Run = Tuple[np.ndarray, Optional[np.ndarray], int]  # (tokens, valid, seed)


def located(model, facts: Facts, witness: dict, runs: Sequence[Run]) -> Optional[Place]:
    """`model` has the torch module as `.model`; `runs` are those of the audit. None where those of the witness are not among
    them, or no module is seen to do it."""
    runner = Runner(model, facts)
    pair = _pair(runner, witness, runs)
    if pair is None:
        return None
    base, changed, cut = pair
    row = witness["row"]
    first, again, other = (_calls(runner, run, row, cut) for run in (base, base, changed))
    if not len(first) == len(again) == len(other) or any(a.name != b.name for a, b in zip(first, other)):
        return None  # it takes another way
    moved = [_moved(a.given, b.given, c.given) for a, b, c in zip(first, again, other)]
    for call, same, now, given in zip(first, again, other, moved):
        made = _moved(call.made, same.made, now.made)
        # What is given in no shape that is known may hold what another did: it tells nothing of this one.
        if call.given and given is None and made is not None:
            within = [part for part, changed_ in zip(first, moved) if changed_ is not None and part.name != call.name
                      and part.name.startswith(call.name + "." if call.name else "")]
            inside = min(within, key=lambda part: part.began).name if within else None
            return Place(call.name, call.kind, inside, call.wide and not _hidden(first, again, other), *made)
    return None


def _hidden(first: List[Call], again: List[Call], other: List[Call]) -> bool:
    """Whether anything but logits differs."""
    return any(not a.wide and _moved(a.made, b.made, c.made) is not None for a, b, c in zip(first, again, other))


def _pair(runner: Runner, witness: dict, runs: Sequence[Run]) -> Optional[Tuple[Run, Run, int]]:
    """(base, changed, cut) of the witness: runs that give the numbers that it names, and where the tokens of its row differ."""
    row, position = witness["row"], witness["position"]
    base = next((run for run in runs if _says(runner, run, witness, witness["before"])), None)
    for run in runs if base is not None else ():
        changed = run[0] != base[0] if run[0].shape == base[0].shape else np.zeros(base[0].shape, bool)
        differs = np.nonzero(changed[row])[0]
        if not differs.size or differs.min() <= position or changed.sum() != witness.get("tokens_changed", changed.sum()):
            continue
        if _says(runner, run, witness, witness["after"]):
            return base, run, int(differs.min())
    return None


def _says(runner: Runner, run: Run, witness: dict, value: float) -> bool:
    tokens, valid, seed = run
    if witness["row"] >= tokens.shape[0] or witness["position"] >= tokens.shape[1]:
        return False
    found = runner.run(tokens, valid, seed)[witness["tensor"]][witness["row"], witness["position"]]
    found = found[witness["probe"]] if found.ndim else found
    return abs(float(found) - value) <= max(witness.get("tolerance") or 0.0, 1e-6 * abs(value))


def _calls(runner: Runner, run: Run, row: int, cut: int) -> List[Call]:
    """In the order in which they end."""
    tokens, valid, seed = run
    done: List[Call] = []
    with _watching(runner.model.model, done, tokens.shape, row, cut, runner.facts.vocab):
        runner.run(tokens, valid, seed)
    return done


@contextmanager
def _watching(module, done: List[Call], shape, row: int, cut: int, vocab: int) -> Iterator[None]:
    open_calls: Dict[str, List[Call]] = {}
    clock = iter(range(1 << 62))

    def before(name):
        def hook(part, args, kwargs):
            given = [_part(value, shape, row, cut) for value in _tensors([args, kwargs])]
            call = Call(name, type(part).__name__, next(clock), [value for value in given if value is not None], [])
            open_calls.setdefault(name, []).append(call)
        return hook

    def after(name):
        def hook(part, args, kwargs, output):
            call = open_calls[name].pop()
            values = list(_tensors(output))
            made = [_part(value, shape, row, cut) for value in values]
            call.made = [value for value in made if value is not None]
            call.wide = any(value.dim() == 3 and value.shape[-1] == vocab for value in values)
            done.append(call)
        return hook

    hooks = []
    for name, part in module.named_modules():
        hooks += [part.register_forward_pre_hook(before(name), with_kwargs=True),
                  part.register_forward_hook(after(name), with_kwargs=True)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _tensors(value: Any) -> Iterator["torch.Tensor"]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):  # outputs of transformers too
        for one in value.values():
            yield from _tensors(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _tensors(one)


def _part(value: "torch.Tensor", shape, row: int, cut: int) -> Optional["torch.Tensor"]:
    """What a tensor holds of a row's tokens before the cut: (B, S, ...), (B, ..., S), (B, H, S, D), (B * S, ...) or (S, B, ...).
    None where it holds nothing by token, as a summary of a sequence, or a mask, which no token makes."""
    rows, positions = shape
    if value.dim() < 2 and value.shape != (rows * positions,) or value.dtype == torch.bool or value.is_sparse:
        return None
    sizes = list(value.shape)
    if sizes[0] == rows * positions and rows > 1:
        value = value.view(rows, positions, *sizes[1:])[row, :cut]
    elif sizes[0] == rows and positions in sizes[1:]:
        if sizes[1] != positions and sizes.count(positions) > 1:
            return None  # a mask or scores of attention: their last axis is of other tokens
        value = value[row].narrow(sizes.index(positions, 1) - 1, 0, cut)
    elif sizes[0] == positions and len(sizes) > 2 and sizes[1] == rows:
        value = value[:cut, row]
    else:
        return None
    return value.detach().to("cpu", copy=True)


def _moved(base: List["torch.Tensor"], again: List["torch.Tensor"], other: List["torch.Tensor"]) -> Optional[Tuple[int, float]]:
    """(position, change) where `other` is further from `base` than rounding and an unchanged run are; None where nowhere."""
    for one, same, now in zip(base, again, other):
        if one.shape != now.shape:
            continue
        a, b, c = (values.double() for values in (one, same, now))
        change = torch.nan_to_num((a - c).abs(), posinf=0.0)
        spacing = torch.finfo(one.dtype).eps if one.is_floating_point() else 0.0
        size = torch.nan_to_num(a.abs(), posinf=0.0).max().item() if a.numel() else 0.0
        noise = torch.nan_to_num((a - b).abs(), posinf=0.0).max().item() if a.numel() else 0.0
        over = (change > ROUNDING * spacing * size + 4 * noise).nonzero()
        if len(over):
            return int(over[0, 0]), change.max().item()
    return None

"""The state of a torch module that a pass may move: buffers, and plain attributes such as counters and running means."""
from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, List

import torch

PLAIN = (int, float, bool, str, type(None))
OF_TORCH = set(vars(torch.nn.Module()))  # what every module has; modes are kept elsewhere, parameters no pass moves


@contextmanager
def state_kept(module):
    """Afterwards every buffer and plain attribute of every part is the object that it was, with the values that it had; what was
    made meanwhile is gone. Tensors, numbers, texts, and lists and dicts of these; other objects are not looked into."""
    undo = [restore for part in module.modules() for restore in _kept(part)]
    try:
        yield
    finally:
        with torch.no_grad():  # buffers may be what autograd watches
            for restore in undo:
                restore()


def _kept(part: "torch.nn.Module") -> List[Callable[[], None]]:
    """One undoing for the buffers of a part, one for its attributes. A part that made modules or parameters was not built before:
    what it notes of that stays, or it would build them again."""
    buffers, attributes = part._buffers, vars(part)
    built = set(part._modules) | set(part._parameters)
    own = {name: value for name, value in attributes.items() if name not in OF_TORCH and _is_state(value)}
    names = set(attributes)
    undo = [_undoing(buffers, dict(buffers), lambda name: True),
            _undoing(attributes, own, lambda name: name not in names and _is_state(attributes[name]))]
    return [lambda: [restore() for restore in undo] if built == set(part._modules) | set(part._parameters) else None]


def _undoing(holder: dict, before: dict, is_new: Callable[[str], bool]) -> Callable[[], None]:
    """Puts what `holder` had back into it, and takes out what is new."""
    copies = {name: _copy(value) for name, value in before.items()}

    def restore() -> None:
        for name in [name for name in holder if name not in before and is_new(name)]:
            del holder[name]
        for name, value in before.items():
            if holder.get(name, restore) is not value:
                holder[name] = value
            _refill(value, copies[name])
    return restore


def _is_state(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_state, value))
    if isinstance(value, dict):
        return all(map(_is_state, value.values()))
    return isinstance(value, (torch.Tensor, *PLAIN)) and not isinstance(value, torch.nn.Parameter)


def _copy(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, (list, tuple)):
        return [(one, _copy(one)) for one in value]
    if isinstance(value, dict):
        return {name: (one, _copy(one)) for name, one in value.items()}
    return value


def _refill(value: Any, copy: Any) -> None:
    """The values that `value`, the object, had when `copy` was made of it."""
    if isinstance(value, torch.Tensor):
        if not torch.equal(value, copy):
            value.copy_(copy)
    elif isinstance(value, (list, tuple)):
        for one, of_one in copy:
            _refill(one, of_one)
        if isinstance(value, list):
            value[:] = [one for one, _ in copy]
    elif isinstance(value, dict):
        for one, of_one in copy.values():
            _refill(one, of_one)
        value.clear()
        value.update({name: one for name, (one, _) in copy.items()})

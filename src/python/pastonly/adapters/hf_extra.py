"""Layers that predict tokens further ahead (multi-token prediction), which a model or its checkpoint holds and no pass runs."""
from __future__ import annotations

import re
from contextlib import contextmanager
from typing import List, Set, Tuple

import torch

COUNT = re.compile(r"^(num|n)_?(nextn|mtp)_\w*(layers|modules)$|^(mtp|nextn)_(num|n)_\w*(layers|modules)$")
NAMED = re.compile(r"(^|[^a-z])(mtp|nextn)", re.IGNORECASE)


@contextmanager
def running(model):
    """Within, names of modules that are called go into the set that it yields."""
    ran: Set[str] = set()
    hooks = [part.register_forward_pre_hook(lambda module, args, name=name: ran.add(name))
             for name, part in model.named_modules()]
    try:
        yield ran
    finally:
        for hook in hooks:
            hook.remove()


def extra_predictors(model, config, ran: Set[str]) -> List[Tuple[str, str]]:
    """Remarks: modules of the model that did not run; else what config.json counts, or what a checkpoint holds and its class
    leaves out."""
    idle, remarks = idle_parts(model, ran), []
    if idle:
        remarks.append(("layer-skipped", f"{', '.join(idle)} stand in the model and did not run: what they do is not audited"))
    if any(NAMED.search(name) for name in idle):
        return remarks
    counted = {name: value for name, value in sorted(vars(config).items())
               if COUNT.match(name) and isinstance(value, int) and value > 0}
    if counted:
        remarks.append(("layer-skipped", f"{max(counted.values())} layers that predict further tokens stand in config.json "
                                         f"({', '.join(counted)}); transformers does not run them"))
        return remarks
    ignored = [name for name in getattr(model, "_keys_to_ignore_on_load_unexpected", None) or () if NAMED.search(name)]
    if ignored:
        remarks.append(("layer-skipped", "layers that predict further tokens are left out where a checkpoint has them "
                                         f"({', '.join(ignored)}); transformers does not run them"))
    return remarks


def idle_parts(model, ran: Set[str]) -> List[str]:
    """The topmost modules with parameters that did not run, nor anything in them, and that are named as such layers are or stand
    in a list of which others ran. Lists of experts are none: maybe no token chose one."""
    parts = {name: part for name, part in model.named_modules() if name and next(part.parameters(), None) is not None}
    awake = {name[:end] for name in ran for end in [at for at, letter in enumerate(name) if letter == "."] + [len(name)]}
    idle: List[str] = []
    for name, part in parts.items():
        if name in awake or any(name.startswith(other + ".") for other in idle):
            continue
        parent = name.rpartition(".")[0]
        listed = isinstance(parts.get(parent), torch.nn.ModuleList) and parent in awake and not parent.endswith("experts")
        if listed or NAMED.search(name):
            idle.append(name)
    return idle

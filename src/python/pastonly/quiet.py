"""Dropout and jitter are noise: they are switched off while an audit runs, and the report says which.

Only what is in force counts: in modules that are in training mode. Nothing else of training mode changes.
Draws that are part of a routing rule stay: they are seeded (seeding.py).
"""
from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from typing import Iterator, List, Tuple

NOISE = re.compile(r"dropout|jitter|drop_?path|layer_?drop|resid_pdrop|attn_pdrop|embd_pdrop|stochastic_depth", re.IGNORECASE)

# Named like a noise, and a parameter of the rule: sparsemixer leaves out experts whose logits are further than this from the best,
# in evaluation mode as well. What it draws in training mode is seeded.
RULE_PARAMETERS = {("PhimoeTopKRouter", "router_jitter_noise"), ("PhimoeConfig", "router_jitter_noise")}


def _settings(holder) -> Iterator[Tuple[str, float]]:
    """Attributes that are the rate of a noise: a number above 0 with such a name. Switches (bool) are none."""
    for name, value in list(vars(holder).items()):
        if isinstance(value, float) and value > 0 and NOISE.search(name) and (type(holder).__name__, name) not in RULE_PARAMETERS:
            yield name, value


def _holders(module) -> Iterator[Tuple[object, str, float]]:
    """(object, attribute, rate) of every noise in force; configurations that several modules share come once."""
    seen = set()
    for part in module.modules():
        if not part.training:
            continue
        if "dropout" in type(part).__name__.lower() and getattr(part, "p", None):
            yield part, "p", part.p
        for holder in (part, getattr(part, "config", None)):
            if holder is None or id(holder) in seen or not hasattr(holder, "__dict__"):
                continue
            seen.add(id(holder))
            for name, value in _settings(holder):
                yield holder, name, value


@contextmanager
def quiet(module):
    """Within, `module` (of torch) draws no dropout and no jitter; afterwards it is as it was. Yields the remarks."""
    changed = []
    try:
        for holder, name, value in list(_holders(module)):
            try:
                setattr(holder, name, 0.0)
            except (AttributeError, TypeError):
                continue  # frozen: the runs stay seeded
            changed.append((holder, name, value))
        yield remarks_of(changed)
    finally:
        for holder, name, value in reversed(changed):
            setattr(holder, name, value)


def remarks_of(changed) -> List[Tuple[str, str]]:
    if not changed:
        return []
    counts = Counter((f"{type(holder).__name__}.{name}", value) for holder, name, value in changed)
    said = [f"{name} = {value:g}" + (f" ({count} times)" if count > 1 else "") for (name, value), count in sorted(counts.items())]
    return [("noise-off", "switched off during the audit, because it is noise: " + ", ".join(said))]


def noise_of(module) -> List[Tuple[str, str]]:
    """The remarks, without a change."""
    return remarks_of(list(_holders(module)))

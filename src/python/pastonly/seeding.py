"""Equal seeds give equal draws, and whoever draws beside the audit draws on as if there had been none."""
from __future__ import annotations

import random
import sys
from contextlib import contextmanager

import numpy as np


def reseed(model, seed: int) -> None:
    """The model's own `reseed`, where it has one; else the generators of Python, NumPy and, if it is loaded, torch."""
    own = getattr(model, "reseed", None)
    if own is not None:
        own(seed)
        return
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed % 2**63)  # every device


@contextmanager
def generators_kept():
    """Afterwards the generators of Python, NumPy and torch are where they were: training goes on with the same draws."""
    states = random.getstate(), np.random.get_state()
    torch = sys.modules.get("torch")
    torch_state = None if torch is None else torch.random.get_rng_state()
    devices = torch.cuda.get_rng_state_all() if torch is not None and torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        if torch_state is not None:
            torch.random.set_rng_state(torch_state)
        if devices is not None:
            torch.cuda.set_rng_state_all(devices)

"""Equal seeds give equal draws."""
from __future__ import annotations

import random
import sys

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

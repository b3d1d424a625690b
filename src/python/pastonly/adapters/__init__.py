"""One file for each framework; each imports its framework only when it is used."""
from __future__ import annotations


def adapted(model):
    """A model of transformers becomes one that answers; every other is taken as it is."""
    bases = {f"{base.__module__}.{base.__qualname__}" for base in type(model).__mro__}
    if "transformers.modeling_utils.PreTrainedModel" in bases:
        from .hf import HF
        return HF(model)
    if "torch.nn.modules.module.Module" in bases and not hasattr(model, "facts"):
        raise ValueError(f"{type(model).__name__} is a torch module: wrap it, pastonly.adapters.torch.Torch(model, ...)")
    return model

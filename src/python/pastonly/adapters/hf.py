"""Any causal language model of transformers, with experts or without.

    HF(AutoModelForCausalLM.from_pretrained("allenai/OLMoE-1B-7B-0924"), mode="eval")
"""
from __future__ import annotations

from typing import Dict, List, Set, Tuple

import torch

from ..facts import Facts
from ..seeding import generators_kept, reseed
from .hf_routing import find_blocks, number, watching
from .torch_module import (compute_type, device_of, log_probabilities, noise_remarks, passing, predictions,
                           successor_log_probabilities)

PROBED = 8  # tokens of the pass that shows what a model returns


def pretrained(place: str) -> "HF":
    """A causal language model as transformers loads it, without code of the checkpoint's own."""
    from transformers import AutoModelForCausalLM
    return HF(AutoModelForCausalLM.from_pretrained(place))


class HF:
    """A transformers model as a model that answers. Routers are found; what is not is left out with a remark.

    mode    train or eval: the routing that is in force. Dropout and jitter are off in both.
    facts   anything that is to be said otherwise, as keywords of Facts
    """

    def __init__(self, model, mode: str = "eval", **facts) -> None:
        self.model, self._mode = model, mode
        self._blocks = find_blocks(model)
        self._config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
        if getattr(model.config, "is_encoder_decoder", False):
            raise ValueError(f"{type(model).__name__} has an encoder; expected a causal language model")
        self.facts = Facts(vocab=self._config.vocab_size, mode=mode)
        known, seen = self._probe()
        self.facts = Facts(**{**self._known(), **known, "remarks": seen + self._remarks(), **facts})

    def __call__(self, tokens, valid=None, seed=0, successors=None) -> Dict[str, "torch.Tensor"]:
        ids = torch.tensor(tokens, device=device_of(self.model))
        given = {"input_ids": ids, "use_cache": False}
        if valid is not None and not valid.all():
            given["attention_mask"] = torch.as_tensor(valid, device=ids.device).long()
        found: Dict[str, torch.Tensor] = {}
        with passing(self.model, self._mode), watching(self._blocks, found):
            logits = self.model(**given).logits
        found["logprobs"] = log_probabilities(logits, ids)
        found["predictions"] = predictions(logits)
        if successors is not None:
            found["successor_logprobs"] = successor_log_probabilities(logits, successors)
        return found

    def _known(self) -> dict:
        import transformers
        name = type(self.model).__name__
        return {"vocab": self._config.vocab_size, "mode": self._mode, "compute": compute_type(self.model), "name": name,
                "special": _special(self._config), "max_positions": getattr(self._config, "max_position_embeddings", None),
                "producer": f"transformers {transformers.__version__} {name}"}

    def _probe(self) -> Tuple[dict, List[Tuple[str, str]]]:
        """One short pass: which blocks route, in which order, to how many of how many experts."""
        tokens = torch.arange(PROBED).remainder(self._config.vocab_size)[None].numpy()
        for place, block in enumerate(self._blocks):
            block.layer = place
        found = self(tokens)
        order = list(dict.fromkeys(int(name.split(".")[1]) for name in found if name.startswith("layers.")))
        remarks = [("layer-skipped", f"{block.name} ({type(block.module).__name__}) looks like a router, and showed no selection")
                   for block in self._blocks if block.layer not in order]
        self._blocks = [self._blocks[place] for place in order]
        remarks += number(self._blocks)
        widths = {value.shape[-1] for name, value in found.items() if name.endswith((".logits", ".mask"))}
        chosen = {value.shape[-1] for name, value in found.items() if name.endswith(".experts")}
        chosen |= {int(value.sum(-1).max()) for name, value in found.items() if name.endswith(".mask")}
        return {"noisy": self._draws(), "layers": [block.layer for block in self._blocks], "experts": widths.pop() if len(widths) == 1 else None,
                "top_k": chosen.pop() if len(chosen) == 1 else None}, remarks

    def _draws(self) -> bool:
        """Whether routing follows the seed, in training mode without noise."""
        if self._mode == "eval" or not self._blocks:
            return False
        tokens = torch.arange(8 * PROBED).remainder(self._config.vocab_size).view(PROBED, -1).numpy()
        with generators_kept():
            found = []
            for seed in (1, 2):
                reseed(self, seed)
                found.append(self(tokens))
        return any(not torch.equal(values, found[1][name]) for name, values in found[0].items()
                   if name.endswith((".experts", ".mask", ".gates")))

    def _remarks(self) -> List[Tuple[str, str]]:
        out = noise_remarks(self.model, self._mode)
        skipped = getattr(self._config, "num_nextn_predict_layers", None) or getattr(self._config, "num_mtp_layers", None)
        if skipped and not any("mtp" in name or "nextn" in name for name, _ in self.model.named_modules()):
            out.append(("layer-skipped", f"{skipped} layers that predict further tokens stand in config.json; transformers does not run them"))
        return out


def _special(config) -> List[int]:
    """Ids of beginnings, ends and padding; configurations hold numbers, lists or nothing."""
    found: Set[int] = set()
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        value = getattr(config, name, None)
        found |= {value} if isinstance(value, int) else set(value or ())
    return sorted(number for number in found if 0 <= number < config.vocab_size)

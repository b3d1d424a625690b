"""Any causal language model of transformers, with experts or without.

    HF(AutoModelForCausalLM.from_pretrained("allenai/OLMoE-1B-7B-0924"), mode="eval")
"""
from __future__ import annotations

from typing import Dict, List, Set, Tuple

import torch

from ..facts import Facts
from ..seeding import generators_kept
from .hf_extra import extra_predictors, running
from .hf_routing import Seen, as_trace, find_blocks, number, runs_again, watching
from .torch_module import (compute_type, device_of, draws_of, log_probabilities, noise_remarks, passing, predictions,
                           successor_log_probabilities)

PROBED = 8  # tokens of the pass that shows what a model returns, and rows of those that show whether it draws


def pretrained(place: str) -> "HF":
    """A causal language model as transformers loads it, without code of the checkpoint's own."""
    from pathlib import Path
    from transformers import AutoModelForCausalLM
    if not Path(place).is_dir() and place.count("/") != 1:
        raise ValueError(f"hf:{place}: no such directory (nor OWNER/NAME of a hub)")
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
        self._counted = False  # whether every call of a block is a layer of its own
        self.facts = Facts(**self._known())
        shown, remarks = self._probe()
        noisy, drawn = draws_of(self, self._tokens(PROBED, 8 * PROBED))
        self.facts = Facts(**{**self._known(), **shown, "noisy": noisy, "remarks": remarks + drawn + self._remarks(), **facts})

    def __call__(self, tokens, valid=None, seed=0, successors=None) -> Dict[str, "torch.Tensor"]:
        ids = torch.tensor(tokens, device=device_of(self.model))
        given = {}
        if valid is not None and not valid.all():
            given["attention_mask"] = torch.as_tensor(valid, device=ids.device).long()
        logits, seen = self._pass(ids, **given)
        found = self._found(ids, logits, seen)
        if successors is not None:
            found["successor_logprobs"] = successor_log_probabilities(logits, successors)
        return found

    def packed_row(self, tokens, positions) -> Dict[str, "torch.Tensor"]:
        """Of several documents in one row (pastonly.packed). Positions that begin anew tell transformers where they begin, as
        long as no attention_mask is given: it then masks one document from the next."""
        ids = torch.tensor(tokens, device=device_of(self.model))
        return self._found(ids, *self._pass(ids, position_ids=torch.tensor(positions, device=ids.device)))

    def _found(self, ids, logits, seen: List[Seen]) -> Dict[str, "torch.Tensor"]:
        return {**as_trace(seen, self._counted), "logprobs": log_probabilities(logits, ids), "predictions": predictions(logits)}

    def _pass(self, ids, **given) -> Tuple["torch.Tensor", List[Seen]]:
        seen: List[Seen] = []
        with passing(self.model, self._mode), watching(self._blocks, seen):
            return self.model(input_ids=ids, use_cache=False, **given).logits, seen

    def _tokens(self, rows: int, positions: int):
        """Different tokens, (rows, positions) or fewer positions where the model takes no more."""
        positions = min(positions, self._known()["max_positions"] or positions)
        return torch.arange(rows * positions).remainder(self._config.vocab_size).view(rows, positions).numpy()

    def _known(self) -> dict:
        import transformers
        name = type(self.model).__name__
        longest = getattr(self._config, "max_position_embeddings", None)  # xlnet: -1, as many as you like
        return {"vocab": self._config.vocab_size, "mode": self._mode, "compute": compute_type(self.model), "name": name,
                "special": _special(self._config), "max_positions": longest if isinstance(longest, int) and longest > 0 else None,
                "producer": f"transformers {transformers.__version__} {name}"}

    def _probe(self) -> Tuple[dict, List[Tuple[str, str]]]:
        """One short pass: which blocks route, in which order, how often, to how many of how many experts."""
        with generators_kept(), running(self.model) as self._ran:
            _, seen = self._pass(torch.tensor(self._tokens(1, PROBED), device=device_of(self.model)))
        ran = list({id(block): block for block, _ in seen}.values())
        remarks = [("layer-skipped", f"{block.name} ({type(block.module).__name__}) looks like a router, and showed no selection")
                   for block in self._blocks if all(block is not other for other in ran)]
        self._blocks, self._counted = ran, runs_again(seen)
        if self._counted:
            layers = list(range(len(seen)))
            remarks.append(("layer-numbers", "blocks run more than once in a pass, so every call is a layer, and they are "
                            "counted: " + ", ".join(f"{place} = {block.name}" for place, (block, _) in enumerate(seen))))
        else:
            remarks += number(self._blocks)
            layers = [block.layer for block in self._blocks]
        decided = [(kind, values) for _, read in seen for kind, values in read.items()]
        widths = {values.shape[-1] for kind, values in decided if kind in ("logits", "mask")}
        chosen = {values.shape[-1] for kind, values in decided if kind == "experts"}
        chosen |= {int(values.sum(-1).max()) for kind, values in decided if kind == "mask"}
        return {"layers": layers, "experts": widths.pop() if len(widths) == 1 else None,
                "top_k": chosen.pop() if len(chosen) == 1 else None}, remarks

    def _remarks(self) -> List[Tuple[str, str]]:
        return noise_remarks(self.model, self._mode) + extra_predictors(self.model, self._config, self._ran)


def _special(config) -> List[int]:
    """Ids of beginnings, ends and padding; configurations hold numbers, lists or nothing."""
    found: Set[int] = set()
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        value = getattr(config, name, None)
        found |= {value} if isinstance(value, int) else set(value or ())
    return sorted(number for number in found if 0 <= number < config.vocab_size)

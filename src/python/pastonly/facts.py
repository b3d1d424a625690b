"""What is known of a model before it runs."""
from __future__ import annotations

import contextlib
import operator
from dataclasses import dataclass, field, replace
from typing import Optional, Sequence

COMPUTE_TYPES = ("float64", "float32", "float16", "bfloat16")


@dataclass
class Facts:
    """Only `vocab` is needed. What is None is unknown, and the audit says so."""

    vocab: int                              # token ids are 0 to vocab - 1
    layers: Sequence[int] = ()              # the model's own numbers of its MoE layers; () = none are recorded
    experts: Optional[int] = None           # per layer, where all layers have as many
    top_k: Optional[int] = None             # experts per token
    mode: str = "eval"                      # train or eval: which routing is in force
    stage: str = "dispatched"               # masks are those after drops, or "selected" before them
    compute: str = "float32"                # the type that the model computes in: rounding follows it
    layout: str = "batch-major"             # the order in which the router sees the flattened tokens
    rule: Optional[str] = None              # as --rule takes it, "top-k,k=2"; only where it is certain
    special: Sequence[int] = ()             # ids that mark beginnings, ends and padding
    max_positions: Optional[int] = None     # longest row
    max_tokens: Optional[int] = None        # most tokens of one run
    max_batch: Optional[int] = None         # most rows of one run
    noisy: bool = False                     # routing draws at random: the plan then draws anew once, to show it
    streams: bool = True                    # a single row of any length can be run
    remarks: list = field(default_factory=list)  # of (id, message): what was switched off or left out
    producer: str = "pastonly"              # "transformers 5.24.0 OlmoeForCausalLM"
    name: str = ""                          # of the model, for people

    def __post_init__(self) -> None:
        self._one_of("mode", ("train", "eval"))
        self._one_of("stage", ("dispatched", "selected"))
        self._one_of("layout", ("batch-major", "sequence-major"))
        self._one_of("compute", COMPUTE_TYPES)
        with contextlib.suppress(TypeError):
            self.vocab = operator.index(self.vocab)  # integers of NumPy too
        if not isinstance(self.vocab, int) or self.vocab < 2:
            raise ValueError(f"Facts.vocab: expected a whole number of at least 2, got {self.vocab!r}")

    def _one_of(self, name: str, allowed: Sequence[str]) -> None:
        if getattr(self, name) not in allowed:
            raise ValueError(f"Facts.{name}: expected one of {', '.join(allowed)}, got {getattr(self, name)!r}")


def facts_of(model, facts: Optional[Facts] = None, vocab: Optional[int] = None) -> Facts:
    """Those given, else the model's own; `vocab` alone is enough for a plain function."""
    found = facts if facts is not None else getattr(model, "facts", None)
    if found is None:
        if vocab is None:
            raise ValueError("nothing is known of the model: give vocab=, or Facts(...), or a model with .facts")
        return Facts(vocab=vocab, name=getattr(model, "__name__", type(model).__name__))
    return found if vocab is None else replace(found, vocab=vocab)

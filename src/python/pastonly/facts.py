"""What is known of a model before it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List, Optional, Sequence, Tuple


@dataclass
class Facts:
    vocab: int
    layers: Sequence[int] = ()
    experts: Optional[int] = None
    top_k: Optional[int] = None
    mode: str = "eval"  # "train" or "eval"
    stage: str = "dispatched"
    compute: str = "float32"
    layout: str = "batch-major"
    rule: Optional[str] = None  # text of --rule; only where the adapter is sure
    special: Sequence[int] = ()
    max_positions: Optional[int] = None
    max_tokens: Optional[int] = None
    remarks: List[Tuple[str, str]] = field(default_factory=list)  # (id, message): said in the report
    producer: str = ""

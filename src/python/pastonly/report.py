"""The report of an audit, as the C++ program wrote it."""
from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional


@dataclass(frozen=True)
class Report:
    """`json` follows docs/report.schema.json."""

    json: dict
    text: str
    exit_code: int  # 0 pass, 1 fail, 2 error, 3 inconclusive
    first_layer: Optional[str] = None  # of a torch model without routers that looks ahead: the module that does it first

    @property
    def verdict(self) -> str:
        """pass, fail, error or inconclusive."""
        return self.json["verdict"]

    @property
    def findings(self) -> List[dict]:
        return self.json["findings"]

    def __str__(self) -> str:
        return self.text

"""Audits whether a language model, or its routing, looks at future tokens."""
from .auditing import AuditError, assert_causal, audit
from .facts import Facts
from .packed import packed
from .plan import RunError, record
from .report import Report
from .trace import ModelError

__version__ = "0.1.0"
__all__ = ["AuditError", "Facts", "ModelError", "Report", "RunError", "assert_causal", "audit", "packed", "record"]

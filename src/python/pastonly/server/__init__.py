"""A model behind a server, as it is served: by what it says of its prompts.

`/v1/completions` of vLLM and of those that echo, and `/generate` of SGLang, are sent token ids and asked for the
log-probabilities of the prompt, and for the experts that were used where the server tells them. `python -m pastonly.server URL
--vocab N` answers the C++ program (pastonly audit --exec); as a class, `Server` is a model for `pastonly.audit`.
"""
from .model import Server

__all__ = ["Server"]

"""A served model as pastonly asks it: (tokens, valid) -> what the server says of these prompts."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Dict, List, Optional, Sequence

import numpy as np

from ..facts import Facts
from ..trace import ModelError
from .dialects import DIALECTS, LIKELIEST, Answer, Dialect
from .routes import Routing, routing_of
from .transport import Refused, Transport

PROBED = 32  # tokens of the first prompt, which shows how the server speaks and which layers have experts


class Server:
    """(tokens, valid) -> log-probabilities of the prompts, and masks of the experts where the server tells them.

    experts     of a layer; needed for routes, which are ids alone. top_k: experts a token takes, where the answer has no shape
    company     True: the rows of a batch go as one request, for the server to batch. False: every row is a request of its
                own, with never more than `in_flight` at a time: 1 serves each prompt alone.
    patience    seconds for one request, and for a server that says it is busy, all waiting included
    requests    the most that are sent in all
    """

    def __init__(self, url: str, *, vocab: int, model: Optional[str] = None, experts: Optional[int] = None,
                 top_k: Optional[int] = None, company: bool = True, in_flight: int = 1, patience: float = 300.0,
                 requests: int = 100_000, special: tuple = ()) -> None:
        self.company, self.in_flight = company, max(1, in_flight)
        self._transport = Transport(url, patience, requests)
        self._dialect: Optional[Dialect] = None
        served = self._served(model)
        self.model = served["id"]
        longest = served.get("max_model_len")
        # One token more is generated.
        positions = longest - 1 if isinstance(longest, int) and longest > 2 else None
        known = self._probe(vocab, min(PROBED, positions or PROBED), experts, top_k)
        self.facts = Facts(vocab=vocab, special=special, name=f"{self.model} at {self._transport.place}", max_positions=positions,
                           producer=f"a server, {self._dialect.name} of {self._dialect.path}", **known)

    def reseed(self, seed: int) -> None:
        """Nothing is drawn: one token is decoded greedily and thrown away."""

    def __call__(self, tokens: np.ndarray, valid: Optional[np.ndarray] = None) -> Dict[str, np.ndarray]:
        prompts = [row[:_length(valid, at, len(row))].tolist() for at, row in enumerate(tokens)]
        if self.company:
            answers = self._ask(prompts)
        elif self.in_flight == 1:
            answers = [self._ask([prompt])[0] for prompt in prompts]
        else:
            with ThreadPoolExecutor(self.in_flight) as threads:
                answers = [answer[0] for answer in threads.map(lambda prompt: self._ask([prompt]), prompts)]
        said = np.full(tokens.shape, np.nan, np.float64)
        foreseen = np.zeros((*tokens.shape, LIKELIEST), np.float64)
        for at, answer in enumerate(answers):
            said[at, :len(answer.told)] = answer.told
            foreseen[at, :len(answer.told)] = answer.likeliest
        return {"logprobs": said, "predictions": foreseen, **self._masks(answers, tokens.shape[1])}

    def _masks(self, answers: Sequence[Answer], positions: int) -> Dict[str, np.ndarray]:
        if self._routing is None:
            return {}
        if any(answer.routes is None for answer in answers):
            raise ModelError("routed_experts: told at first, and missing now")
        return self._routing.masks([answer.routes for answer in answers], positions)

    def _served(self, wanted: Optional[str]) -> dict:
        place = self._transport.url + "/v1/models"
        told = self._transport.request("/v1/models", None)
        listed = told.get("data") if isinstance(told, dict) else None
        if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) and "id" in one for one in listed):
            raise ModelError(f"{place}: names no model")
        if wanted is None and len(listed) > 1:
            raise ModelError(f"{place}: serves {', '.join(str(one['id']) for one in listed)}; say which with model=")
        found = [one for one in listed if wanted in (None, one["id"])]
        if not found:
            raise ModelError(f"{place}: has no {wanted}, but {', '.join(str(one['id']) for one in listed)}")
        return found[0]

    def _probe(self, vocab: int, length: int, experts: Optional[int], top_k: Optional[int]) -> dict:
        """One prompt: how the server speaks, and which layers have experts."""
        routes = self._ask([np.linspace(0, vocab - 1, length).astype(int).tolist()])[0].routes
        self._routing: Optional[Routing] = None
        if routes is None:
            if experts is not None:
                raise ModelError(f"{self._transport.url}: tells no routed experts; vLLM and SGLang do with "
                                 "--enable-return-routed-experts")
            return {}
        if experts is None:
            return {"remarks": [("routes-unread", "the server tells which experts it used; they are read where their number is "
                                                  "said (--experts)")]}
        self._routing = routing_of(routes, experts, top_k)
        self._routing.masks([routes], length)
        found = self._routing
        return {"layers": found.layers, "experts": experts, "top_k": found.top_k, "remarks": found.remarks}

    def _ask(self, prompts: List[List[int]]) -> List[Answer]:
        if self._dialect is not None:
            answers = self._ask_as(self._dialect, prompts)
            if answers is None:
                raise ModelError(f"{self._dialect.path}: log-probabilities of the prompt were given at first, and now are not")
            return answers
        refused = []
        for dialect in DIALECTS:
            try:
                answers = self._ask_as(dialect, prompts)
            except Refused as error:
                refused.append(error)
                continue
            if answers is not None:
                self._dialect = dialect
                return answers
        if len(refused) == len(DIALECTS):
            raise refused[0]
        raise ModelError(f"{self._transport.url}: gives no log-probabilities of a prompt, neither for prompt_logprobs nor for "
                         "echo in /v1/completions, nor in /generate")

    def _ask_as(self, dialect: Dialect, prompts: List[List[int]]) -> Optional[List[Answer]]:
        return dialect.answers(self._transport.request(dialect.path, dialect.body(self.model, prompts)), prompts)


def _length(valid: Optional[np.ndarray], row: int, positions: int) -> int:
    """A server pads by itself: what is real must come first."""
    if valid is None:
        return positions
    count = int(np.count_nonzero(valid[row]))
    if not np.all(valid[row, :count]):
        raise ModelError(f"row {row} has padding before or between its tokens, which no prompt can have")
    return count

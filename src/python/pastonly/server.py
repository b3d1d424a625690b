"""python -m pastonly.server URL --vocab N

A model behind an OpenAI-compatible server, as it is served: `/v1/completions` with token ids, and the log-probabilities of the
prompt, which vLLM gives for `prompt_logprobs` and others for `echo`. As a program it answers the C++ program
(pastonly audit --exec 'python -m pastonly.server URL --vocab N'); as a class it is a model for `pastonly.audit`.
"""
from __future__ import annotations

import argparse
import http.client
import json
import math
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from .facts import Facts
from .protocol import ProtocolError, serve
from .trace import ModelError

KEYS = ("PASTONLY_API_KEY", "OPENAI_API_KEY")  # of the environment: a key on a command line is for all to see
BUSY = (429, 502, 503, 504)
LIKELIEST = 4  # the largest probabilities after every position: they do not depend on the token that follows
STYLES: Dict[str, Dict[str, Any]] = {"prompt_logprobs": {"prompt_logprobs": LIKELIEST, "logprobs": LIKELIEST},
                                     "echo": {"echo": True, "logprobs": LIKELIEST}}


Row = Tuple[List[float], List[List[float]]]  # (S), (S, LIKELIEST)


class Server:
    """(tokens, valid) -> log-probabilities of the prompts.

    company     True: the rows of a batch go as one request, for the server to batch. False: every row is a request of its
                own, with never more than `in_flight` at a time: 1 serves each prompt alone.
    patience    seconds for one request, and for a server that says it is busy, all waiting included
    requests    the most that are sent in all
    """

    def __init__(self, url: str, *, vocab: int, model: Optional[str] = None, company: bool = True, in_flight: int = 1,
                 patience: float = 300.0, requests: int = 100_000, special: tuple = ()) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise ValueError(f"{parts.scheme or url}: expected http://HOST:PORT or https://HOST, and keys in "
                             f"{' or '.join(KEYS)} alone")
        self.url = url.rstrip("/")
        if not self.url.endswith("/v1"):
            self.url += "/v1"
        self.company, self.in_flight, self.patience, self.requests = company, max(1, in_flight), patience, requests
        self._key = next((os.environ[name] for name in KEYS if os.environ.get(name)), None)
        self._style: Optional[str] = None
        served = self._served(model)
        self.model = served["id"]
        longest = served.get("max_model_len")
        self.facts = Facts(vocab=vocab, special=special, name=f"{self.model} at {parts.netloc}", producer="an OpenAI-compatible server",
                           # One token more is generated.
                           max_positions=longest - 1 if isinstance(longest, int) and longest > 2 else None)

    def reseed(self, seed: int) -> None:
        """Nothing is drawn: one token is decoded greedily and thrown away."""

    def __call__(self, tokens: np.ndarray, valid: Optional[np.ndarray] = None) -> Dict[str, np.ndarray]:
        prompts = [row[:_length(valid, at, len(row))].tolist() for at, row in enumerate(tokens)]
        if self.company:
            rows = self._ask(prompts)
        elif self.in_flight == 1:
            rows = [self._ask([prompt])[0] for prompt in prompts]
        else:
            with ThreadPoolExecutor(self.in_flight) as threads:
                rows = [answer[0] for answer in threads.map(lambda prompt: self._ask([prompt]), prompts)]
        said = np.full(tokens.shape, np.nan, np.float64)
        foreseen = np.zeros((*tokens.shape, LIKELIEST), np.float64)
        for at, (told, likeliest) in enumerate(rows):
            said[at, :len(told)] = told
            foreseen[at, :len(told)] = likeliest
        return {"logprobs": said, "predictions": foreseen}

    def _served(self, wanted: Optional[str]) -> dict:
        listed = self._request("models", None).get("data")
        if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) and "id" in one for one in listed):
            raise ModelError(f"{self.url}/models: names no model")
        if wanted is None and len(listed) > 1:
            raise ModelError(f"{self.url}/models: serves {', '.join(str(one['id']) for one in listed)}; say which with model=")
        found = [one for one in listed if wanted in (None, one["id"])]
        if not found:
            raise ModelError(f"{self.url}/models: has no {wanted}, but {', '.join(str(one['id']) for one in listed)}")
        return found[0]

    def _ask(self, prompts: List[List[int]]) -> List[Row]:
        """Of each prompt: ln p of each token, NaN for the first, and the largest after each token."""
        styles = [self._style] if self._style else list(STYLES)
        for style in styles:
            answer = self._request("completions", {"model": self.model, "prompt": prompts, "max_tokens": 1, "temperature": 0,
                                                   **STYLES[style]})
            choices = answer.get("choices")
            if not isinstance(choices, list) or len(choices) != len(prompts):
                raise ModelError(f"{self.url}/completions: {len(choices) if isinstance(choices, list) else 'no'} choices for "
                                 f"{len(prompts)} prompts")
            ordered = sorted(choices, key=lambda choice: choice.get("index", 0))
            rows = [_row(style, choice, prompt) for choice, prompt in zip(ordered, prompts)]
            if all(row is not None for row in rows):
                self._style = style
                return rows
        raise ModelError(f"{self.url}/completions: gives no log-probabilities of a prompt, neither for prompt_logprobs nor for echo")

    def _request(self, what: str, body: Optional[dict]) -> dict:
        """One answer; a server that is busy is asked again, later and later, while patience lasts."""
        end, pause = time.monotonic() + self.patience, 0.5
        while True:
            if self.requests <= 0:
                raise ModelError(f"{self.url}: the {what} would be one request more than were allowed (requests)")
            self.requests -= 1
            try:
                return self._once(what, body, max(0.1, end - time.monotonic()))
            except urllib.error.HTTPError as error:
                told = error.read(2000).decode("utf-8", "replace")
                if error.code not in BUSY or time.monotonic() + pause >= end:
                    raise ModelError(f"{self.url}/{what}: status {error.code}: {told}") from None
                asked = error.headers.get("Retry-After", "")
                time.sleep(min(float(asked) if asked.isdigit() else pause, max(0.0, end - time.monotonic())))
                pause *= 2
            except (OSError, http.client.HTTPException) as error:
                raise ModelError(f"{self.url}/{what}: {type(error).__name__}: {error}") from None

    def _once(self, what: str, body: Optional[dict], seconds: float) -> dict:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self.url}/{what}", data, headers)
        with urllib.request.urlopen(asked, timeout=seconds) as answer:
            text = answer.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ModelError(f"{self.url}/{what}: an answer of more than {MOST_BYTES} bytes")
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise ModelError(f"{self.url}/{what}: expected a JSON object, got {text[:80]!r}")
        return parsed


MOST_BYTES = 1 << 28  # of an answer


def _length(valid: Optional[np.ndarray], row: int, positions: int) -> int:
    """A server pads by itself: what is real must come first."""
    if valid is None:
        return positions
    count = int(np.count_nonzero(valid[row]))
    if not np.all(valid[row, :count]):
        raise ModelError(f"row {row} has padding before or between its tokens, which no prompt can have")
    return count


def _row(style: str, choice: dict, prompt: List[int]) -> Optional[Row]:
    """None where the server does not speak this way. What is said at a token is what was foreseen after the one before it; after
    the last, it is said of the token that is generated."""
    logprobs = choice.get("logprobs") if isinstance(choice.get("logprobs"), dict) else {}
    listed = logprobs.get("top_logprobs") or []
    if style == "prompt_logprobs":
        told = choice.get("prompt_logprobs")
        if not isinstance(told, list):
            return None
        values, ranked = [_of_token(entry, token) for entry, token in zip(told, prompt)], told[1:len(prompt)] + listed[:1]
    else:
        told = logprobs.get("token_logprobs")
        if not isinstance(told, list) or len(told) < len(prompt):
            return None
        values, ranked = [_number(value) for value in told[:len(prompt)]], listed[1:len(prompt) + 1]
    if len(values) != len(prompt) or any(math.isnan(value) or value > 1e-3 for value in values[1:]):
        raise ModelError(f"a prompt of {len(prompt)} tokens, and {len(values)} log-probabilities of which some are missing or above 0")
    likeliest = [sorted(map(_number, entry.values()), reverse=True)[:LIKELIEST] if isinstance(entry, dict) else [] for entry in ranked]
    if len(likeliest) != len(prompt) or any(len(entry) < LIKELIEST or math.isnan(sum(entry)) for entry in likeliest):
        raise ModelError(f"{LIKELIEST} log-probabilities were asked for after every token of a prompt, and not given everywhere")
    return [math.nan, *values[1:]], likeliest


def _number(value: Any) -> float:
    value = value.get("logprob") if isinstance(value, dict) else value
    return float(value) if isinstance(value, (int, float)) else math.nan


def _of_token(entry: Any, token: int) -> float:
    return _number(entry.get(str(token))) if isinstance(entry, dict) else math.nan


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pastonly.server", description=__doc__.split("\n\n")[1],
                                     epilog=f"A key is read from {' or '.join(KEYS)}, and appears nowhere.")
    parser.add_argument("url", help="http://HOST:PORT")
    parser.add_argument("--vocab", type=int, required=True, help="size of the vocabulary: token ids below it are sent")
    parser.add_argument("--model", help="as the server calls it; not needed where it serves one")
    parser.add_argument("--alone", action="store_true", help="every prompt is a request of its own, not one of a batch")
    parser.add_argument("--in-flight", type=int, default=1, metavar="N", help="with --alone: so many at a time (default: 1)")
    parser.add_argument("--patience", type=float, default=300.0, metavar="SECONDS", help="for one request (default: 300)")
    parser.add_argument("--requests", type=int, default=100_000, metavar="N", help="the most that are sent (default: 100000)")
    asked = parser.parse_args(arguments)
    try:
        serve(Server(asked.url, vocab=asked.vocab, model=asked.model, company=not asked.alone, in_flight=asked.in_flight,
                     patience=asked.patience, requests=asked.requests))
    except (ModelError, ProtocolError, ValueError, KeyError) as error:
        print(f"pastonly.server: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

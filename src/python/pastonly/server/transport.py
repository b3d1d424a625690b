"""Requests to one server: JSON over HTTP, asked again while it is busy, never more than were allowed."""
from __future__ import annotations

import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Optional

from ..trace import ModelError

KEYS = ("PASTONLY_API_KEY", "OPENAI_API_KEY")  # of the environment: a key on a command line is for all to see
BUSY = (429, 502, 503, 504)
MOST_BYTES = 1 << 28  # of an answer


class Refused(ModelError):
    """The server answered with a status that is no success, and does not say that it is busy."""


class Transport:
    """`url` with or without /v1. patience: seconds for one request, all waiting included; requests: the most that are sent."""

    def __init__(self, url: str, patience: float, requests: int) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise ValueError(f"{parts.scheme or url}: expected http://HOST:PORT or https://HOST, and keys in "
                             f"{' or '.join(KEYS)} alone")
        root = url.rstrip("/")
        self.url, self.place = root[:-len("/v1")] if root.endswith("/v1") else root, parts.netloc
        self._patience, self._left, self._counting = patience, requests, threading.Lock()
        self._key = next((os.environ[name] for name in KEYS if os.environ.get(name)), None)

    def request(self, path: str, body: Optional[dict]) -> Any:
        """One answer, a JSON object or list. A server that is busy is asked again, later and later. Raises ModelError."""
        end, pause = time.monotonic() + self._patience, 0.5
        while True:
            with self._counting:
                if self._left <= 0:
                    raise ModelError(f"{self.url}: {path} would be one request more than were allowed (requests)")
                self._left -= 1
            try:
                return self._once(path, body, max(0.1, end - time.monotonic()))
            except urllib.error.HTTPError as error:
                told = error.read(2000).decode("utf-8", "replace")
                if error.code not in BUSY or time.monotonic() + pause >= end:
                    kind = ModelError if error.code in BUSY else Refused
                    raise kind(f"{self.url}{path}: status {error.code}: {told}") from None
                asked = error.headers.get("Retry-After", "")
                time.sleep(min(float(asked) if asked.isdigit() else pause, max(0.0, end - time.monotonic())))
                pause *= 2
            except (OSError, http.client.HTTPException) as error:
                raise ModelError(f"{self.url}{path}: {type(error).__name__}: {error}") from None

    def _once(self, path: str, body: Optional[dict], seconds: float) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=seconds) as answer:
            text = answer.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ModelError(f"{self.url}{path}: an answer of more than {MOST_BYTES} bytes")
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
        if not isinstance(parsed, (dict, list)):
            raise ModelError(f"{self.url}{path}: expected a JSON object or list, got {text[:80]!r}")
        return parsed

"""Runs of a plan that several workers share, on one machine or many: a worker claims a run before it makes it.

A claim is a file that is created exclusively, NNNN.claim, with host, process and time. Its owner renews its time. It is
stale when its process on this host is gone, or when it was not renewed for a lease. Two workers may take over one stale
claim at the same moment, and then both make the run: outputs are renamed into place whole, so nothing breaks.
"""
from __future__ import annotations

import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Optional

LEASE = 300.0  # seconds; a pause of a file server should not look like a death


class Claim:
    """Held from `take` until `release`; a thread renews it meanwhile."""

    def __init__(self, path: Path, lease: float) -> None:
        self.path, self._lease, self._text = path, lease, _own_text()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    @classmethod
    def take(cls, path: Path, lease: float = LEASE) -> Optional["Claim"]:
        """None if another worker holds it."""
        claim = cls(path, lease)
        if not claim._create():
            if not _is_stale(path, lease):
                return None
            _put_aside(path)
            if not claim._create():
                return None
        claim._thread.start()
        return claim

    def release(self) -> None:
        """Removes the claim, unless another worker took it over because it was not renewed in time."""
        self._ended.set()
        self._thread.join()
        try:
            if self.path.read_text() == self._text:
                self.path.unlink()
        except OSError:
            pass

    def _create(self) -> bool:
        try:
            handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(handle, "w") as file:
            file.write(self._text)
        return True

    def _renew(self) -> None:
        while not self._ended.wait(self._lease / 5):
            try:
                os.utime(self.path)
            except OSError:
                return  # taken over


def sweep(path: Path, lease: float = LEASE) -> None:
    """Removes the claim of a worker that died after its run was made."""
    if path.exists() and _is_stale(path, lease):
        _put_aside(path)


def _own_text() -> str:
    return json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "time": time.time(), "thread": threading.get_ident()})


def _is_stale(path: Path, lease: float) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
        text = path.read_text()
    except OSError:
        return False  # released meanwhile: the next round sees it
    if age > lease:
        return True
    try:
        said = json.loads(text)
        return said["host"] == socket.gethostname() and not _lives(int(said["pid"]))
    except (ValueError, KeyError, TypeError):
        return age > 10  # killed between creating and writing


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _put_aside(path: Path) -> None:
    """Removes a stale claim, and the half-written file that its owner left."""
    try:
        said = json.loads(path.read_text())
        for left in path.parent.glob(f"{path.stem}.*.{said['host']}.{said['pid']}.tmp"):
            left.unlink()
    except (OSError, ValueError, KeyError, TypeError):
        pass  # litter at worst
    aside = path.with_name(f"{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        os.rename(path, aside)
        os.unlink(aside)
    except OSError:
        pass  # another worker was faster

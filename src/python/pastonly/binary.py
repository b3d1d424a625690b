"""Finds the C++ program."""
from __future__ import annotations

import os
import shutil
import sysconfig
from importlib import metadata
from pathlib import Path


class NoBinary(RuntimeError):
    """There is no C++ program to ask."""


def find_binary() -> str:
    """$PASTONLY_BINARY, else the one of the wheel, else the one on PATH."""
    named = os.environ.get("PASTONLY_BINARY")
    if named:
        if not os.access(named, os.X_OK):
            raise NoBinary(f"PASTONLY_BINARY={named}: no program is there")
        return named
    found = _of_wheel() or shutil.which("pastonly")
    if not found:
        raise NoBinary("the program pastonly was not found: install the wheel, put it on PATH, or set PASTONLY_BINARY")
    return found


def _of_wheel():
    try:
        files = metadata.distribution("pastonly").files or []
    except metadata.PackageNotFoundError:
        return None
    # auditwheel moves the program itself into pastonly.scripts and leaves a starter of it in bin.
    named = sorted((entry for entry in files if entry.name == "pastonly"), key=lambda entry: entry.parent.name != "pastonly.scripts")
    places = [*(Path(entry.locate()) for entry in named), Path(sysconfig.get_path("scripts")) / "pastonly"]
    return next((str(place) for place in places if place.is_file() and os.access(place, os.X_OK)), None)

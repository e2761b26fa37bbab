"""Real programs that tests drive: finds each one, and skips or fails a test if it is not there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

from scripts.real_programs import table
from tests.support.paths import ROOT

COLLECTOR = ROOT / "collector"


def absent(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI, because nothing may be missing there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def release(name: str) -> str:
    """Return the version of a real program that `scripts/real-programs` gets, as its makers write it."""
    return table.kept(name).version


def require(name: str) -> Path:
    """Return the folder (or the file) of a real program. Skip the test if it is not there."""
    program = table.kept(name)
    if program.found() is None:
        absent(f"{name} {program.version} is not here: run `make {program.target}`")
    return program.path

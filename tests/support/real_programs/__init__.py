"""Real programs that tests drive: which release, where it lies, and what becomes of a test where one is not there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.paths import ROOT

COLLECTOR = ROOT / "collector"
CACHE = ROOT / ".cache"
"""Where the project's scripts put what they install and build."""


def absent(reason: str) -> NoReturn:
    """Skips the test, and fails it in CI, where nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def pinned(variable: str) -> str:
    """The release that the Makefile says, such as that of `PROMETHEUS_VERSION`."""
    found = re.search(rf"^{variable} := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def require(what: str, path: Path, target: str) -> Path:
    """`path`, if it is there: `make target` puts it there."""
    if not path.exists():
        absent(f"{what} is not here: run `make {target}`")
    return path

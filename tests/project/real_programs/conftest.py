"""A checkout of its own for each test, and a gate at which the stand-in for go waits."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.real_programs import table
from tests.project.real_programs.checkout import GO, INTERRUPTIONS, Checkout
from tests.support.paths import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root = tmp_path / "a checkout"
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "collector").mkdir()
    shutil.copy(table.MANIFEST, root / "collector")
    shutil.copytree(table.PAGE, root / table.PAGE.relative_to(ROOT))
    shutil.copytree(ROOT / "requirements", root / "requirements")
    (root / "bin").mkdir()
    return Checkout(root, root / "bin")


@pytest.fixture
def gate(checkout: Checkout) -> Path:
    """A pipe. The stand-in for go builds nothing until a test writes into it."""
    path = checkout.root / "gate"
    os.mkfifo(path)
    checkout.variables["GATE"] = str(path)
    checkout.has(go=GO)
    return path


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A signal that is ignored here, such as SIGINT in the background of a shell, would be ignored by a child, too."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in INTERRUPTIONS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)

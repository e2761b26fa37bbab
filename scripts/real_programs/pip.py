"""A Python package, beside the project's own packages and not among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scripts.real_programs.errors import GetError
from scripts.real_programs.place import ROOT
from scripts.real_programs.running import run

PYTHON = ROOT / ".venv" / "bin" / "python"
"""The interpreter that will import the package; another could get a build that it cannot load."""


@dataclass(frozen=True, slots=True)
class Pip:
    """The folder is one for PYTHONPATH. The package comes without what it would bring."""

    package: str

    label = "pip"
    needs: ClassVar[Sequence[str]] = ()
    source = "`.venv/bin/python -m pip config list` says where pip fetches from."

    def make(self, version: str, made: Path) -> None:
        """Install the package's wheel."""
        if not PYTHON.exists():
            raise GetError("There is no .venv yet: `make clickhouse` makes it first.")
        pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        # A user's `pip config set global.user true` would refuse --target.
        wheel = ("--no-deps", "--only-binary=:all:", f"{self.package}=={version}")
        run([*pip, "--target", made, *wheel], made.parent, {"PIP_USER": "0"})

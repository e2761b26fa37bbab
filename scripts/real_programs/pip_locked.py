"""Python packages, exactly those that a lock file of ours lists, beside the project's own packages and not among them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scripts.real_programs.errors import GetError
from scripts.real_programs.pip import PYTHON
from scripts.real_programs.running import run


@dataclass(frozen=True, slots=True)
class PipLocked:
    """The folder is one for PYTHONPATH. `lock` lists `package` and all that it brings, with hashes."""

    package: str
    lock: Path
    target: str

    label = "pip"
    needs: ClassVar[Sequence[str]] = ()
    source = "`.venv/bin/python -m pip config list` says where pip fetches from."

    @property
    def version(self) -> str:
        """The version of the package that is locked. Raise GetError if none is."""
        found = re.search(rf"(?m)^{re.escape(self.package)}==(\S+)", self._text())
        if found is None:
            raise GetError(f"{self.lock} does not name {self.package}.")
        return found[1]

    @property
    def digest(self) -> str:
        """SHA-256 of what is locked, in hexadecimal, shortened. Raise GetError if the file is not there."""
        return hashlib.sha256(self._text().encode()).hexdigest()[:16]

    def make(self, version: str, made: Path) -> None:
        """Install the wheels. pip checks their hashes."""
        if not PYTHON.exists():
            raise GetError(f"There is no .venv yet: `make {self.target}` makes it first.")
        pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        # A user's `pip config set global.user true` would refuse --target.
        exactly = ("--require-hashes", "--only-binary=:all:", "--requirement", self.lock)
        run([*pip, "--target", made, *exactly], made.parent, {"PIP_USER": "0"})

    def _text(self) -> str:
        try:
            return self.lock.read_text(encoding="utf-8")
        except OSError as error:
            raise GetError(f"{error.filename} cannot be read: {error.strerror}.") from error

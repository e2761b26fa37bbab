"""Packages of the npm registry, exactly those that a lock file lists."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scripts.real_programs.errors import GetError
from scripts.real_programs.running import run

_FILES = ("package.json", "package-lock.json")


@dataclass(frozen=True, slots=True)
class NpmLocked:
    """The folder gets the packages in `node_modules`. `folder` has `package.json` and its lock file."""

    folder: Path

    label = "npm"
    needs: ClassVar[Sequence[str]] = ("npm",)
    source = "`npm config get registry` says where npm fetches from."

    @property
    def digest(self) -> str:
        """SHA-256 of what is locked, in hexadecimal, shortened. Raise GetError if the files are not there."""
        try:
            return hashlib.sha256(b"".join((self.folder / name).read_bytes() for name in _FILES)).hexdigest()[:16]
        except OSError as error:
            raise GetError(f"{error.filename} cannot be read: {error.strerror}.") from error

    def make(self, version: str, made: Path) -> None:
        """Install the packages, without running any script of theirs. npm checks their hashes."""
        made.mkdir()
        for name in _FILES:
            shutil.copyfile(self.folder / name, made / name)
        run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"],
            made,
        )

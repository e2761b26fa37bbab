"""A real program: kept in .cache (`Kept`), or one of the system's packages (`apt.Installed`)."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scripts.real_programs.errors import CommandFailed, GetError
from scripts.real_programs.place import CACHE, make_once
from scripts.real_programs.running import require, say


class Program(Protocol):
    """One row of the table."""

    @property
    def name(self) -> str:
        """The name by which one asks for it."""

    @property
    def version(self) -> str | None:
        """Its release, as its makers write it. None: the one that the system's packages have."""

    @property
    def target(self) -> str:
        """The target of make that gets it."""

    @property
    def comes_by(self) -> str:
        """How it comes, for people."""

    @property
    def needs(self) -> Sequence[str]:
        """The commands that getting it needs."""

    def found(self) -> Path | None:
        """Return where it is, as an absolute path, or None if it is not there."""

    def get(self) -> Path:
        """Get it if it is not there, and return where it is. Raise GetError if that fails."""


class Way(Protocol):
    """A way in which a program comes into .cache."""

    @property
    def label(self) -> str:
        """Its name, for people."""

    @property
    def needs(self) -> Sequence[str]:
        """The commands that must be on PATH."""

    @property
    def source(self) -> str:
        """A sentence that says where its downloads come from."""

    def make(self, version: str, made: Path) -> None:
        """Make the program at the path `made`, in a scratch folder of its own. Raise GetError if that fails."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A program at a fixed version that is kept in .cache, at `place` (relative to .cache).

    It is there if each of `holds` is in that folder and can be run; if `holds` is empty, `place` is a file.
    `minutes`: about how long it takes the first time, on two cores.
    """

    name: str
    version: str
    place: str
    holds: tuple[str, ...]
    target: str
    way: Way
    minutes: int

    @property
    def comes_by(self) -> str:
        """The name of its way, for people."""
        return self.way.label

    @property
    def needs(self) -> Sequence[str]:
        """The commands that its way needs."""
        return self.way.needs

    @property
    def path(self) -> Path:
        """The path at which it is, or will be."""
        return CACHE / self.place

    def found(self) -> Path | None:
        """Return the program itself if it is the only one in its folder, and else the folder; None if it is not there."""
        if not self._is_whole(self.path):
            return None
        only = self.path / self.holds[0] if len(self.holds) == 1 else self.path
        return only if only.is_file() else self.path

    def get(self) -> Path:
        """Make it, unless it is there. Of several calls at once, one makes it and the others wait."""
        what = f"{self.name} {self.version}"
        if not self._is_whole(self.path):
            require(self.needs, what)
            make_once(self.path, what, self._is_whole, self._make)
        return self.found() or self.path

    def _make(self, made: Path) -> None:
        what = f"{self.name} {self.version}"
        say(f"getting {what} by {self.way.label}; the first time, this takes about {_minutes(self.minutes)}")
        started = time.monotonic()
        try:
            self.way.make(self.version, made)
        except GetError as error:
            text = f"{what} could not be made. {error}"
            if isinstance(error, CommandFailed):
                text += f"\n  If it reached no server, check the network. {self.way.source}"
            raise GetError(f"{text}\n  Then run the same command again; nothing half made is left.") from error
        if not self._is_whole(made):
            raise GetError(
                f"{what} was made, but without {', '.join(self.holds) or 'the file'}: is this a release of it?"
            )
        say(f"{what} is there, after {time.monotonic() - started:.0f} s")

    def _is_whole(self, path: Path) -> bool:
        if not self.holds:
            return path.is_file()
        return all(os.access(path / name, os.X_OK) for name in self.holds)


def _minutes(number: int) -> str:
    return "a minute" if number == 1 else f"{number} minutes"

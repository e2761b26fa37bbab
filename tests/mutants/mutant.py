"""The mutants of the catalogue."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CATALOGUE: Final = Path(__file__).parent / "catalogue"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake in one file of the package."""

    room: str
    id: str
    """Its name, unique in the whole catalogue."""
    file: str
    """The file that it is in, below `otel_agent`."""
    was: str
    """The text that is replaced, which occurs once in the file …"""
    becomes: str
    """… and what is there instead."""
    breaks: str
    """The consequence, in plain words."""
    tests: tuple[str, ...] = ()
    """The paths below `tests` that have to fail."""
    equivalent: str = ""
    """The reason why no test can see it; empty for a mutant that has to be killed."""

    def source_in(self, package: Path) -> str:
        """Return the file's text with the mistake in it. Raises ``DoesNotApply``."""
        try:
            source = (package / self.file).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise DoesNotApply(f"{self.file} does not exist") from None
        number = source.count(self.was)
        if number != 1:
            raise DoesNotApply(f"the text occurs {number} times in {self.file}")
        return source.replace(self.was, self.becomes)


class DoesNotApply(Exception):
    """The code has changed: the text of the mutant is not there any more, or more than once."""


def catalogue(folder: Path = CATALOGUE) -> list[Mutant]:
    """Return all mutants, room by room."""
    return [
        _mutant(path.stem, entry)
        for path in sorted(folder.glob("*.toml"))
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["mutant"]
    ]


def chosen(mutants: Iterable[Mutant], names: Iterable[str]) -> list[Mutant]:
    """Return the mutants with one of these ids, or in one of these rooms; all of them if no name is given.

    Raises ``ValueError`` for a name that is neither.
    """
    found, wanted = list(mutants), set(names)
    unknown = wanted - {each.id for each in found} - {each.room for each in found}
    if unknown:
        raise ValueError(f"no room and no mutant is called {', '.join(sorted(unknown))}")
    return [each for each in found if not wanted or wanted & {each.id, each.room}]


def _mutant(room: str, entry: dict[str, Any]) -> Mutant:
    return Mutant(
        room=room,
        id=entry["id"],
        file=entry["file"],
        was=entry["was"].removesuffix("\n"),
        becomes=entry["becomes"].removesuffix("\n"),
        breaks=entry["breaks"],
        tests=tuple(entry.get("tests", ())),
        equivalent=entry.get("equivalent", ""),
    )

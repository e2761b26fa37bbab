"""Reads the administrator's file, which holds for every user of this machine.

Its keys are defaults: the user's own file and environment win over them. The keys of its table ``[locked]`` win over
everything. Only root may be able to write the file. Otherwise a user could loosen it, so it is named and not obeyed.
"""

import os
import stat
import sys
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from otel_agent.errors import SettingsError
from otel_agent.private_files import kind_in_words
from otel_agent.settings.file_content import MOST_BYTES, opened
from otel_agent.settings.toml_files import parsed

LOCKED: Final = "locked"
"""The table whose values nobody else can change."""


class Place(Struct, frozen=True):
    """The path of the file, and the user to whom it and its folder must belong."""

    path: Path
    owner: int | None
    """``None`` on Windows, which has no such number: there the folder's access list alone protects the file."""


class Administrator(Struct, frozen=True, kw_only=True):
    """What the administrator says; nothing, if there is no file."""

    path: Path
    is_obeyed: bool = False
    """True if there is a file that only the administrator can write."""
    defaults: dict[str, Any] = {}
    locked: dict[str, Any] = {}
    trouble: str = ""
    """A sentence that says why the file is not obeyed; empty if it is, or if there is none."""

    @property
    def locked_origin(self) -> str:
        """The origin of a locked value, for people."""
        return f"{self.path} (locked)"


def _place() -> Place:
    """Return the system's own place. No variable changes it, because each user can set those."""
    if sys.platform == "win32":
        from platformdirs import site_config_path  # noqa: PLC0415 - the system has to be asked

        return Place(site_config_path("otel-agent", appauthor=False) / "otel-agent.toml", None)
    above = "/Library/Application Support" if sys.platform == "darwin" else "/etc"
    return Place(Path(above, "otel-agent", "otel-agent.toml"), 0)


PLACE = _place()
"""Tests put a place of their own here."""


def administrators_file() -> Administrator:
    """Read the administrator's file. Without one this costs two calls of the system.

    Raises ``SettingsError`` if it is not TOML: nothing starts without what an administrator locked.
    """
    place = PLACE
    try:
        descriptor = opened(place.path)
    except (FileNotFoundError, NotADirectoryError):
        if place.path.is_symlink():
            return _not_obeyed(place, "is a link to a file that does not exist")
        return Administrator(path=place.path)
    except OSError as error:
        return _not_obeyed(place, f"cannot be read: {error.strerror}")
    try:
        # Of the file that is open now, whatever is put in its place meanwhile.
        if why := _unsafe(place, os.fstat(descriptor)):
            return _not_obeyed(place, why)
        content = os.read(descriptor, MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MOST_BYTES:
        return _not_obeyed(place, "is larger than 1 MiB")
    return _understood(place.path, content)


def locked_otlp() -> frozenset[str]:
    """Return the keys of ``[otlp]`` that the administrator locked. Raises ``SettingsError`` as ``administrators_file``."""
    table = administrators_file().locked.get("otlp")
    return frozenset(table) if isinstance(table, dict) else frozenset()


def _unsafe(place: Place, found: os.stat_result) -> str:
    """Return why somebody else than the administrator could have written the file; empty if nobody could."""
    if kind := kind_in_words(found.st_mode):
        return f"is {kind}"
    if place.owner is None:
        return ""
    folder = place.path.parent.stat()
    for name, each in (("", found), (f" is in {place.path.parent}, which", folder)):
        if each.st_uid != place.owner and each.st_uid != _unmapped(place.owner):
            return f"{name} belongs to user {each.st_uid} and not to {_owner(place.owner)}".strip()
        if each.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"{name} can be written by others ({stat.S_IMODE(each.st_mode):o})".strip()
    return ""


def _unmapped(owner: int) -> int | None:
    """Return the number under which files of root appear in a user namespace that has no root, as in a sandbox.

    systemd makes such a one for ``service install --read-only-home``. A file of this user has its own number there.
    """
    try:
        mapped = any(line.split()[0] == "0" for line in Path("/proc/self/uid_map").read_text().splitlines())
        return None if owner != 0 or mapped else int(Path("/proc/sys/kernel/overflowuid").read_text())
    except (OSError, ValueError, IndexError):
        return None


def _owner(user: int) -> str:
    return "root" if user == 0 else f"user {user}"


def _not_obeyed(place: Place, why: str) -> Administrator:
    todo = "It and its folder must belong to root, be readable by all, and be writable by root only."
    return Administrator(
        path=place.path, trouble=f"The administrator's file {place.path} is not obeyed: it {why}. {todo}"
    )


def _understood(path: Path, content: bytes) -> Administrator:
    try:
        table = parsed(content.decode("utf-8-sig"), path)  # Windows' tools begin a file with a mark
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}.") from None
    locked = table.pop(LOCKED, {})
    if not isinstance(locked, dict):
        raise SettingsError(
            f"{path}: {LOCKED} is not a table. Write [{LOCKED}] on a line, and below it what users cannot change."
        )
    return Administrator(path=path, is_obeyed=True, defaults=table, locked=locked)

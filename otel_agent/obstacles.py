"""Says what is in the way of a file or a folder of this program, and what to do about it.

The system's own words are about the last call that failed. They are "File exists" for a folder that cannot be made
because a link that leads nowhere has its name.
"""

import os
import stat
from errno import ELOOP
from pathlib import Path
from typing import Final

from otel_agent.errors import way_out

_READ_ONLY: Final = getattr(os, "ST_RDONLY", 1)


def obstacle(path: Path, *, is_folder: bool = False, to_write: bool = False) -> tuple[str, str] | None:
    """Return what is in the way and what to do, as two beginnings of sentences; ``None`` if nothing is seen.

    ``path`` is meant to be a file, or a folder if ``is_folder``; it need not be there yet if it is ``to_write``.
    """
    path = path.absolute()
    nearest = Path(path.anchor)
    for each in (*reversed(path.parents), path):
        wants_folder = is_folder or each != path
        try:
            found = each.lstat()
            if stat.S_ISLNK(found.st_mode) and (blocked := _dead_link(each, wants_folder=wants_folder)):
                return blocked
            mode = each.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            if is_folder or to_write:
                break
            return f"{each} does not exist", "Put the file there"
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            return f"{each} cannot be looked at: {why}", "Give this user permission"
        if stat.S_ISDIR(mode) != wants_folder:
            return f"{each} is {'not a folder' if wants_folder else 'a folder and not a file'}", "Move it away"
        nearest = each
    return _read_only(nearest) if to_write else None


def cannot_write(
    path: Path, error: OSError, otherwise: str, or_else: str, *, is_folder: bool = False, which: str = ""
) -> str:
    """Return a sentence that says why a file or folder cannot be written, and one that says what to do about it.

    What is in the way goes before the system's words. ``otherwise`` is to be done if nothing is seen, and ``or_else`` is
    another way out of everything. ``which`` is the file of a folder that the system's words are about.
    """
    if found := obstacle(path, is_folder=is_folder, to_write=True):
        what, todo = found
        return f"{what}. {todo}, {or_else}."
    about = f" ({which})" if which else ""
    return f"{error.strerror}{about}. {way_out(error, otherwise)}, {or_else}."


def _dead_link(link: Path, *, wants_folder: bool) -> tuple[str, str] | None:
    try:
        link.stat()
    except FileNotFoundError:
        from shlex import quote  # noqa: PLC0415 - hardly any command needs it

        target = Path(os.path.realpath(link))
        todo = f"Make that folder (mkdir -p {quote(str(target))})" if wants_folder else "Put that file there"
        return f"{link} is a link to {target}, which does not exist", f"{todo} or remove the link"
    except OSError as error:
        if error.errno == ELOOP:
            return f"{link} is a link that leads in a circle", "Remove it"
    return None


def _read_only(folder: Path) -> tuple[str, str] | None:
    try:
        is_read_only = bool(os.statvfs(folder).f_flag & _READ_ONLY)
    except (OSError, AttributeError):
        return None
    return (f"{folder} is on a read-only file system", "Mount it so that it can be written") if is_read_only else None

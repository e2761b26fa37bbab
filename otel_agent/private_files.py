"""Opens and replaces this program's own files so that no link leads a write elsewhere, and only their owner reads them.

In a folder that others may write to, somebody can put a link, a pipe or a folder in a file's place.
"""

import os
import stat
from contextlib import suppress
from errno import EINVAL, ELOOP
from pathlib import Path
from typing import Final

MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
# A pipe without a reader would hold up whoever opens it. Windows has neither flag.
_SAFE: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def kind_in_words(mode: int) -> str:
    """Return what is in a file's place, such as "a link"; empty for an ordinary file."""
    return _KINDS.get(stat.S_IFMT(mode), "" if stat.S_ISREG(mode) else "no ordinary file")


def owner_in_words(found: os.stat_result) -> str:
    """Return "user 1000" if the file belongs to another user than this process; empty if it is ours."""
    ours = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
    return "" if ours else f"user {found.st_uid}"


def open_private(path: Path, flags: int) -> int:
    """Open an ordinary file that belongs to this user; with ``O_CREAT`` it is made for its owner only.

    Return the descriptor. Raises ``OSError`` with the reason for anything else in its place, which stays untouched.
    """
    try:
        descriptor = os.open(path, flags | _SAFE, MODE)
    except OSError as error:
        if error.errno == ELOOP:
            raise OSError(ELOOP, "it is a link, which is not followed", str(path)) from None
        raise
    found = os.fstat(descriptor)
    kind, owner = kind_in_words(found.st_mode), owner_in_words(found)
    if kind or owner:
        os.close(descriptor)
        raise OSError(EINVAL, f"it is {kind}" if kind else f"it belongs to {owner}", str(path))
    return descriptor


def read_private(path: Path, most: int) -> bytes:
    """Return up to ``most`` bytes of a file, as ``open_private`` opens it."""
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
        return file.read(most)


def replace_private(path: Path, content: bytes, *, mode: int = MODE) -> None:
    """Write a file in one step: whoever reads it meanwhile sees the old or the new content, and never a part.

    What is at ``path`` is replaced, also a link: the file that it leads to stays as it is. Raises ``OSError``.
    """
    # As ``tempfile`` does, which takes 0.004 s to import, for a note that each summary writes.
    name = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE, MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode != MODE:
            name.chmod(mode)
        name.replace(path)
    except BaseException:
        with suppress(OSError):
            name.unlink()
        raise


def make_private_folder(folder: Path) -> None:
    """Make a folder for its owner only, and those above it; one that exists stays as it is. Raises ``OSError``."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)

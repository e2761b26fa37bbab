"""What shows that nobody wrote to a store since, at the cost of a few looks at files and without opening any."""

import os
from pathlib import Path
from typing import Final

import msgspec

from otel_agent.model import Problem
from otel_agent.opencode.bounded_files import RACY_NS, is_folder, listing, status

_DIGEST_BYTES: Final = 16


def database_mark(path: Path, now_ns: int) -> bytes:
    """Return inode, size and time of a database and of its write-ahead log.

    Empty if one of them was written a moment ago: it could be written again without another time. Empty as well if the
    database may not be read.
    """
    if not os.access(path, os.R_OK):
        return b""
    found: list[int] = []
    for file in (path, Path(f"{path}-wal")):
        try:
            seen = file.stat()
        except OSError:
            seen = None
        # An empty log is as good as none: whoever opens the database may make one.
        if seen is None or not seen.st_size:
            found += [0, 0, 0]
            continue
        if seen.st_mtime_ns > now_ns - RACY_NS:
            return b""
        found += [seen.st_ino, seen.st_size, seen.st_mtime_ns]
    return msgspec.json.encode(found)


def tree_mark(messages: Path, now_ns: int) -> bytes:
    """Return a digest of the names and times of the folders of a tree, which is all that a pass without a hint looks at.

    Empty if one of them changed a moment ago, or if they cannot be listed. A file that is rewritten in place changes no
    folder, so this says nothing about a tree in which a message is in flight.
    """
    from hashlib import blake2b  # noqa: PLC0415 - with a database alone nobody waits for it

    problems: list[Problem] = []
    found: list[tuple[str, int]] = []
    for entry in listing(messages, problems):
        if is_folder(entry) and (seen := status(entry)) is not None:
            if seen.st_mtime_ns > now_ns - RACY_NS:
                return b""
            found.append((entry.name, seen.st_mtime_ns))
    if problems:
        return b""
    found.sort()
    # A name that is no text has surrogates, which "surrogateescape" alone encodes.
    names = "/".join(name for name, _ in found).encode(errors="surrogateescape")
    times = msgspec.msgpack.encode([changed_ns for _, changed_ns in found])
    return blake2b(names + b"//" + times, digest_size=_DIGEST_BYTES).digest()

"""Reads a file that a person wrote, whatever is in its place: nothing that is endless, and no pipe into which nobody writes."""

import os
import stat
from pathlib import Path
from typing import Final

from otel_agent.errors import SettingsError

MOST_BYTES: Final = 1024 * 1024
"""The file that explains every setting has a fiftieth of it. What is larger was put there by mistake."""
_PATIENCE_SECONDS: Final = 5.0


def opened(path: Path) -> int:
    """Open whatever is in a file's place; a pipe without a writer would hold up whoever waits. Raises ``OSError``."""
    return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))


def file_text(path: Path, kind: str = "settings file", way_out: str = "Pass another file with --config.") -> str:
    """Return the text. Raises ``OSError``, ``UnicodeDecodeError``, and ``SettingsError`` for what is no such file.

    ``kind`` and ``way_out`` are words of the sentence that says so.
    A pipe is read as well: ``--config <(sops -d otel-agent.toml)`` is one.
    """
    descriptor = opened(path)
    try:
        content = b""
        is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        while len(content) <= MOST_BYTES and (piece := _piece(descriptor, is_pipe=is_pipe)):
            content += piece
    finally:
        os.close(descriptor)
    if is_pipe and (piece is None or not content):
        raise SettingsError(f"{path} is a pipe, and nothing comes out of it. {way_out}")
    if len(content) > MOST_BYTES:
        raise SettingsError(f"{path} has more than a megabyte, so it is no {kind}. {way_out}")
    return content.decode("utf-8-sig").replace("\r\n", "\n")  # Windows' tools begin a file with a mark


def _piece(descriptor: int, *, is_pipe: bool) -> bytes | None:
    """Return the next bytes, none at the end; ``None`` if a pipe has none for too long."""
    if is_pipe:
        import select  # noqa: PLC0415 - hardly anybody passes a pipe

        if not select.select([descriptor], [], [], _PATIENCE_SECONDS)[0]:
            return None
    return os.read(descriptor, 64 * 1024)

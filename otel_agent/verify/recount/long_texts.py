"""Reads JSON of any size a piece at a time, and empties its long texts: what a call used is in the short ones."""

from collections.abc import Iterable
from typing import Final

CHUNK: Final = 1024 * 1024
"""Bytes that are read at once."""
_LONGEST: Final = 8 * 1024
"""A longer text is the output of a tool, or a whole file. Bytes."""
_MOST_KEPT: Final = 8 * 1024 * 1024
"""Bytes of a record without its long texts."""


def without_long_texts(chunks: Iterable[bytes]) -> bytes:
    """Return the JSON with empty texts in place of long ones. Raises ``ValueError`` if it is too large all the same."""
    kept, text = bytearray(), bytearray()
    inside = escaped = False
    for chunk in chunks:
        at = 0
        while at < len(chunk):
            quote = chunk.find(b'"', at)
            end = len(chunk) if quote < 0 else quote
            piece, at = chunk[at:end], end + 1
            if not inside:
                kept += piece
            else:
                text += piece[: _LONGEST + 1 - len(text)]
                escaped = _ends_in_escape(piece, escaped)
            if quote < 0:
                continue
            if inside and escaped:
                text += b'"'
                escaped = False
                continue
            if inside:
                kept += text if len(text) <= _LONGEST else b""
                text.clear()
            kept += b'"'
            inside = not inside
        if len(kept) > _MOST_KEPT:
            raise ValueError("too large without its long texts")
    return bytes(kept)


def _ends_in_escape(piece: bytes, before: bool) -> bool:
    """Return True if the next byte is escaped: an odd number of backslashes is before it."""
    backslashes = len(piece) - len(piece.rstrip(b"\\"))
    goes_on = before and backslashes == len(piece)
    return (backslashes % 2 == 1) != goes_on

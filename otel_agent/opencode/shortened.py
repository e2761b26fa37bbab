"""Shortens long texts in JSON while it is read, so that memory does not follow the size of a file or row.

What makes a record large is text: the output of a tool, or a whole file in a summary. What we use of a record is short, but
for the end of an error's text, which names a session. So a long text keeps its beginning and its end.
"""

import re
from collections.abc import Iterable
from typing import Final

CHUNK: Final = 256 * 1024
"""Bytes that are read at once."""
MOST_BYTES: Final = 4 * 1024 * 1024
"""A record that is larger even with short texts is not read."""
_BEGINNING: Final = 4_096
_END: Final = 4_096 + 512
"""Bytes of a text that are kept: what is used of the end of an error has 4,096 characters."""
_IN_TEXT: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_WHOLE_LETTERS: Final = re.compile(rb'(?:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])*+', re.DOTALL)


class _Text:
    """One text of the record."""

    def __init__(self) -> None:
        self._beginning, self._end, self._length = bytearray(), b"", 0

    def add(self, part: bytes) -> None:
        """Add what comes next, without its quotes."""
        room = _BEGINNING + _END - len(self._beginning)
        self._beginning += part[:room]
        self._end = (self._end + part[-_END:])[-_END:]
        self._length += len(part)

    def kept(self) -> bytes:
        """Return the text, or its beginning and its end, as the inside of a JSON string."""
        if self._length <= _BEGINNING + _END:
            return bytes(self._beginning)
        found = _WHOLE_LETTERS.match(self._beginning[:_BEGINNING])
        beginning = b"" if found is None else found[0]
        # A letter that is cut in its escape becomes other letters. A quote or a backslash would end the text.
        return _in_utf_8(beginning) + _in_utf_8(self._end.lstrip(b'\\"'))


def shortened(chunks: Iterable[bytes]) -> bytes | None:
    """Return the JSON with short texts; ``None`` if it is too large all the same. What is no JSON stays none."""
    out, left = bytearray(), b""
    text: _Text | None = None
    for chunk in chunks:
        data, at = left + chunk, 0
        left = b""
        while at < len(data):
            if text is None:
                quote = data.find(b'"', at) + 1 or len(data)
                out += data[at:quote]
                if data[quote - 1 : quote] == b'"':
                    text = _Text()
                at = quote
                continue
            found = _IN_TEXT.match(data, at)
            end = at if found is None else found.end()
            text.add(data[at:end])
            if data[end : end + 1] != b'"':
                left = data[end:]  # the beginning of an escape
                break
            out += text.kept() + b'"'
            text, at = None, end + 1
        if len(out) > MOST_BYTES:
            return None
    return bytes(out)


def _in_utf_8(part: bytes) -> bytes:
    """Return the part without a letter that is cut at its beginning or end."""
    return part.decode("utf-8", "ignore").encode()

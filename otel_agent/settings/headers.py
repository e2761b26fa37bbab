"""The headers of OTLP requests, from the form that the standard gives ``OTEL_EXPORTER_OTLP_HEADERS``.

It is ``key=value,key=value`` with percent-encoded values, as in W3C Baggage. An error names the variable and the number
of the entry, never its text, which may be a key.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from otel_agent.errors import SettingsError

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token of RFC 9110."""
_GRPC_NAME: Final = re.compile(r"[0-9A-Za-z_.-]+")
OF_THE_REQUEST: Final = frozenset({"content-type", "content-encoding", "content-length", "transfer-encoding", "te"})
"""Headers that say what a request is. It knows that itself: with another value nothing would be accepted."""
_NEEDS_ENCODING: Final = {'"': "%22", ";": "%3B"}
"""Characters that W3C Baggage allows in no value, and that shells and files leave there by mistake."""
_EXAMPLE: Final = "Write authorization=Bearer%20KEY,x-team=shop."


def parsed(text: str, variable: str) -> dict[str, str]:
    """Return the headers by name, for ``check``. Raises ``SettingsError`` for an entry that has another form."""
    found: dict[str, str] = {}
    for number, entry in enumerate(text.split(","), start=1):
        if not entry.strip():  # a comma at the end, or two in a row
            continue
        name, equals, value = (part.strip() for part in entry.partition("="))
        if not equals:
            raise _malformed(variable, number, "has no `=`")
        for character, encoded in _NEEDS_ENCODING.items():
            if character in entry:
                raise _malformed(variable, number, f"has a {character} in it, which is written {encoded} in a value")
        try:
            found[unquote(name)] = unquote(value, errors="strict")
        except UnicodeDecodeError:
            raise _malformed(variable, number, "has bytes in its value that are no UTF-8") from None
    return found


def sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers without those of the request itself."""
    return {name: value for name, value in headers.items() if name.lower() not in OF_THE_REQUEST}


def check(headers: Mapping[str, str], place: str, *, grpc: bool) -> None:
    """Raise ``SettingsError`` for a header that cannot be sent. ``place`` names the variable or the table."""
    for number, (name, value) in enumerate(headers.items(), start=1):
        if not _NAME.fullmatch(name):
            raise _malformed(place, number, "has a name with other characters than letters, digits and -")
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise _malformed(place, number, "has a line break or another control character in its value")
        if value != value.strip():
            raise _malformed(place, number, "has a blank at the begin or the end of its value")
        if grpc and not _GRPC_NAME.fullmatch(name):
            raise _malformed(place, number, "has a name with other characters than letters, digits, - _ and .")
        if grpc and not value.isascii() and not name.lower().endswith("-bin"):
            raise SettingsError(f"{place}: header {number} has a letter beyond ASCII, which gRPC cannot send.")


def _malformed(place: str, number: int, what: str) -> SettingsError:
    return SettingsError(f"{place}: header {number} {what}. {_EXAMPLE}")

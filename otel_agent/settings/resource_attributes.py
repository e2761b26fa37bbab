"""What is wrong with ``OTEL_RESOURCE_ATTRIBUTES``: the SDK leaves an entry without a name or a value out, and says nothing."""

from collections.abc import Mapping
from typing import Final

from otel_agent.model.printable import printable

_VARIABLE: Final = "OTEL_RESOURCE_ATTRIBUTES"
_MOST_LETTERS: Final = 80


def doubts(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each entry that is left out. It quotes the entry: these attributes are no secrets."""
    return [
        f"{_VARIABLE}: entry {number} ({_quoted(entry)}) {fault}, so it is left out. "
        "Write name=value,name=value, and %2C for a comma in a value."
        for number, entry in enumerate(environ.get(_VARIABLE, "").split(","), start=1)
        if (fault := _fault(entry))
    ]


def _fault(entry: str) -> str:
    """Return what is wrong with an entry, empty if nothing is, or if there is none between two commas."""
    name, equals, _ = entry.partition("=")
    if not entry.strip():
        return ""
    return "has no `=`" if not equals else "has no name" if not name.strip() else ""


def _quoted(entry: str) -> str:
    shown = entry.strip()
    shown = shown if len(shown) <= _MOST_LETTERS else f"{shown[:_MOST_LETTERS]}…"
    return printable(shown)

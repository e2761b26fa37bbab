"""What a backend or a proxy says in words of its own. It may be a stranger, and its words are shown in terminals."""

from typing import Final

from otel_agent.model.printable import printable

_MOST_LETTERS: Final = 200


def one_line(text: str, instead: str = "no reason given") -> str:
    """Return one short line of it, without control characters."""
    return printable(text[:_MOST_LETTERS]).strip() or instead

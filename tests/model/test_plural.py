"""Numbers and nouns agree in everything that people read."""

from __future__ import annotations

import pytest

from otel_agent.model.plural import counted


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (1, "store", "1 store"),
        (0, "store", "0 stores"),
        (2_345, "new message", "2,345 new messages"),
        (2, "entry", "2 entries"),
        (2, "day", "2 days"),
        (2, "process", "2 processes"),
        (2, "match", "2 matches"),
        (1, "process", "1 process"),
    ],
)
def test_a_noun_is_plural_unless_there_is_one(number: int, noun: str, words: str) -> None:
    assert counted(number, noun) == words


def test_an_irregular_plural_can_be_given() -> None:
    assert counted(2, "file or row", "files or rows") == "2 files or rows"
    assert counted(1, "file or row", "files or rows") == "1 file or row"

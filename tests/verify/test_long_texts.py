"""The recount empties long texts of a record, and changes nothing else in it."""

from __future__ import annotations

import json

import pytest

from otel_agent.verify.recount.long_texts import without_long_texts

SHORT = ["", '"', "\\", '\\"', '"\\\\', "}{][,:", "\N{SNOWMAN}\n", "\\" * 5, '\\"' * 1_500]
LONG = ["x" * 9_000, '"' * 9_000, "\\" * 9_001, '{"role": "user"}' * 900]
RECORD = {"role": "assistant", "short": SHORT, "tokens": {"input": 5, '"': -1.5e3}, "none": None, "is": [True, False]}


@pytest.mark.parametrize("size", [1, 3, 1_000, 1_000_000])
def test_only_long_texts_are_emptied_wherever_the_pieces_end(size: int) -> None:
    whole = json.dumps(RECORD | {"first": LONG, "last": LONG[::-1]}, ensure_ascii=False).encode()
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert json.loads(without_long_texts(pieces)) == RECORD | {"first": [""] * 4, "last": [""] * 4}


def test_a_record_that_is_large_without_long_texts_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        without_long_texts([b'{"many": [' + b'"x",' * 3_000_000])

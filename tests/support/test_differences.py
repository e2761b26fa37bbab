"""The comparison of several parts at once, which hundreds of assertions use."""

from __future__ import annotations

from tests.support.differences import differences

ACTUAL = {"tokens": 5, "messages": 2, "spans": 0}


def test_parts_as_expected_compare_true() -> None:
    assert differences(ACTUAL, {"tokens": 5, "messages": None, "spans": 0})


def test_every_part_that_differs_is_named_with_both_values() -> None:
    found = differences(ACTUAL, {"tokens": 4, "messages": 2, "spans": 1})
    assert not found
    assert repr(found) == "tokens are 5, not 4; spans are 0, not 1"

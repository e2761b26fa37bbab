"""OpenCode's own records, `opencode stats`, and the bill are read as they are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.matrix.calls import Call, call_of
from tests.matrix.recorded import Recorded, row_of
from tests.matrix.stats import differences
from tests.support.made_stores import Tokens
from tests.support.real_opencode.provider import Bill, Provider, Reply, Usage

STATS = """\
┌────────────────────────────────────────────────────────┐
│Sessions                                             20 │
│Avg Tokens/Session                                 8.2K │
│Input                                            138.9K │
│Output                                              812 │
│Cache Read                                         1.2M │
└────────────────────────────────────────────────────────┘
"""
TOKENS = Tokens(input=138_940, output=812, cache_read=1_150_000)


def info(id_: str, input_: int = 0, *, completed: bool = True, error: str | None = None, cost: float = 0) -> Any:
    return {
        "id": id_,
        "sessionID": "ses_1",
        "modelID": "ink-1",
        "cost": cost,
        "tokens": {"input": input_, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}},
        "time": {"created": 1} | ({"completed": 2} if completed else {}),
    } | ({"error": {"name": error}} if error else {})


def test_a_copy_has_the_usage_of_another_row_and_counts_no_message_and_no_cost() -> None:
    recorded = Recorded("1.18.33")
    rows = [info("a", 10, cost=1), info("copy", 10, cost=1), info("b", 20, cost=2), info("shell")]
    recorded.rows = {row["id"]: row_of(row) for row in rows}
    assert recorded.calls() == {Call("ink-1", Tokens(10)): 2, Call("ink-1", Tokens(20)): 1}
    assert recorded.copies() == 1
    assert recorded.outcomes() == {"ok": 3}
    assert recorded.cost() == 3


def test_outcomes_are_those_of_messages_that_ended() -> None:
    recorded = Recorded("1.18.33")
    rows = [
        info("killed", completed=False),
        info("aborted", error="MessageAbortedError"),
        info("refused", error="APIError"),
        info("aborted late", 10, error="MessageAbortedError"),
    ]
    recorded.rows = {row["id"]: row_of(row) for row in rows}
    assert recorded.outcomes() == {"aborted": 2, "error": 1}


@pytest.mark.parametrize(("version", "output"), [("1.3.0", 50), ("1.14.48", 38), ("1.18.34", 38)])
def test_reasoning_is_a_part_of_output_before_1_14(version: str, output: int) -> None:
    bill = Bill("ink-1", Usage(prompt=1_000, cached=300, completion=50, reasoning=12))
    assert call_of(version, bill) == Call("ink-1", Tokens(700, output, 12, 300, 0))


def test_stats_are_right_if_only_their_rounding_differs() -> None:
    assert differences(STATS, TOKENS, 20) == []


def test_stats_that_differ_are_named_and_so_is_what_they_do_not_show() -> None:
    assert differences(STATS, TOKENS._replace(output=813), 21) == [
        "opencode stats: Sessions 20 and not 21",
        "opencode stats: Output 812 and not 813",
    ]
    assert differences(STATS, TOKENS._replace(input=138_960), 20) == ["opencode stats: Input 138,900 and not 138,960"]
    assert differences("", TOKENS, 20)[1] == "opencode stats does not show Input"


def test_a_reply_that_began_is_broken_off_until_it_is_billed() -> None:
    usage = Usage(prompt=10, completion=1)
    with Provider() as provider:
        provider.script("ink-1", Reply(usage))
        provider.next_reply("ink-1")
        assert provider.broken_off() == (Bill("ink-1", usage),)
        provider.charge(Bill("ink-1", usage))
        assert provider.broken_off() == ()

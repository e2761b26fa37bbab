"""The problems of a store stay until a pass has looked at their place and found it in order."""

from __future__ import annotations

import pytest

from otel_agent.ledger import problems
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Message, Problem, ProblemKind
from tests.support.records import call

STORE = "/data/opencode.db"
TABLE = f"{STORE}#turn"


def test_the_table_has_no_more_rows_than_it_may_have(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known may still become another problem. What is new has to wait until there is room."""
    monkeypatch.setattr(problems, "_MOST", 3)

    def note(kind: ProblemKind, *places: str) -> dict[str, ProblemKind]:
        with ledger.transaction():
            ledger.problems.note((Problem(kind, place) for place in places), now_ms=1)
        return {each.place: each.kind for each in ledger.problems.files_and_folders()}

    noted = note(ProblemKind.MALFORMED, *"abcde")
    assert noted == dict.fromkeys("abc", ProblemKind.MALFORMED)
    with ledger.transaction():
        ledger.problems.forget(["a"])
    assert note(ProblemKind.TOO_LARGE, *"fg") == {
        "b": ProblemKind.MALFORMED,
        "c": ProblemKind.MALFORMED,
        "f": ProblemKind.TOO_LARGE,
    }


def test_the_problem_of_a_row_lasts_until_a_batch_reads_it_in_order(ledger: Ledger) -> None:
    """The batch that finds it has read its message, too."""
    unknown = Problem(ProblemKind.UNKNOWN_FIELDS, f"{STORE}#msg_0")

    def batch(message: Message, *found: Problem) -> bool:
        with ledger.transaction():
            ledger.problems.note(found, now_ms=1)
            ledger.problems.forget_read([message], found)
        return ledger.problems.has_kind(ProblemKind.UNKNOWN_FIELDS)

    assert batch(call(0), unknown)
    assert batch(call(1)), "that is another message"
    assert batch(call(0), unknown), "nothing has changed"
    assert not batch(call(0))


@pytest.mark.parametrize(
    ("kind", "place", "sweep", "gone"),
    [
        (ProblemKind.UNKNOWN_SCHEMA, TABLE, False, []),
        (ProblemKind.UNKNOWN_SCHEMA, TABLE, True, [TABLE]),
        (ProblemKind.LOCKED, STORE, False, [STORE]),
        (ProblemKind.MALFORMED, f"{STORE}#message#msg_1", True, []),
        (ProblemKind.LOCKED, "/data/opencode.db-other", True, []),
    ],
)
def test_only_a_sweep_finds_that_an_unknown_table_is_gone(
    ledger: Ledger, kind: ProblemKind, place: str, sweep: bool, gone: list[str]
) -> None:
    """No other pass looks at it. What is of a whole store is looked at by each pass, and a row when it is read."""
    with ledger.transaction():
        ledger.problems.note([Problem(kind, place)], now_ms=1)
    assert ledger.problems.not_seen_again(STORE, set(), sweep=sweep) == gone
    assert ledger.problems.not_seen_again(STORE, {place}, sweep=sweep) == []

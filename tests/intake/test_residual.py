"""The totals of sessions beside the ledger: what is missing, what is seen at a glance, and what a failed transaction noted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_agent.intake.residual import Residual
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Generation, Session, SessionTotals, StoreTotals, Tokens
from tests.support.records import LONG_AFTER, START_NS, T0, call, enter

STORE = "opencode.db"
SESSION = Session("ses_1", version="2.0.17", created_ms=T0)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = open_ledger(tmp_path / "state", now_ns=START_NS, backfill_from_ms=0)
    yield ledger
    ledger.close()


@pytest.mark.parametrize("fails", [False, True])
def test_a_session_that_only_a_failed_transaction_saw_is_not_known_to_be_late(ledger: Ledger, fails: bool) -> None:
    """A correction of its message was read, which the totals of the session may hold as unattributed."""
    totals = SessionTotals(SESSION, T0, Tokens(100), 0)
    residual = Residual(ledger)
    residual.note(STORE, StoreTotals([totals]))
    with ledger.transaction():
        residual.enter(residual.find(now_ms=LONG_AFTER))
    of_2_x = {"session_id": SESSION.id, "generation": Generation.V2}
    (first,) = enter(ledger, call(0, Tokens(), **of_2_x))
    residual.begin()
    (correction,) = enter(ledger, call(0, Tokens(30), **of_2_x))
    with ledger.transaction():
        residual.set_off(STORE, [correction], StoreTotals([totals]), now_ms=LONG_AFTER)
    if fails:
        residual.undo()
    # Whatever else is read of the session is set off only if the correction counted.
    (other,) = enter(ledger, call(3, Tokens(20), **of_2_x))
    with ledger.transaction():
        (left,) = residual.set_off(STORE, [other], StoreTotals([totals]), now_ms=LONG_AFTER)
    assert (left.tokens == other.tokens) is fails
    assert first.first


def missing(ledger: Ledger, totals: SessionTotals) -> list[Tokens]:
    residual = Residual(ledger)
    residual.note(STORE, StoreTotals([totals]))
    return [found.change.tokens for found in residual.find(now_ms=LONG_AFTER)]


def walks(ledger: Ledger) -> list[str]:
    """The queries that walk over the messages of sessions."""
    asked: list[str] = []
    ledger._database.set_trace_callback(lambda query: asked.append(query) if "usage AS" in query else None)
    return asked


def test_of_a_session_whose_messages_have_all_of_its_tokens_no_message_is_looked_at(ledger: Ledger) -> None:
    enter(ledger, call(0, Tokens(30, 4), session_id=SESSION.id, generation=Generation.V2))
    asked = walks(ledger)
    assert missing(ledger, SessionTotals(SESSION, T0, Tokens(30, 4), 0)) == []
    assert asked == []
    assert missing(ledger, SessionTotals(SESSION, T0, Tokens(30, 9), 0)) == [Tokens(0, 5)]
    assert len(asked) == 1


def test_the_copies_in_a_fork_are_none_of_its_totals_even_if_they_have_as_many_tokens(ledger: Ledger) -> None:
    """Their original was never seen, so the copy counts. The fork's own title used as much by chance."""
    fork = Session("ses_2", version="2.0.17", created_ms=T0 + 60_000, forked=True)
    copy = call(0, Tokens(30, 4), session_id=fork.id, generation=Generation.V2, id="msg_5f0c2b6a93d1_7")
    with ledger.transaction():
        ledger.messages.record([copy], [fork], count_from_ms=0)
    totals = SessionTotals(fork, T0 + 60_000, Tokens(30, 4), 0, fork_of=SESSION.id)
    assert missing(ledger, totals) == [Tokens(30, 4)]

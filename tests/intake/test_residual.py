"""What a transaction noted that failed is forgotten, with what it wrote."""

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

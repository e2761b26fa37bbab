"""The turns on the ledger's table: what ends one, and which message is its last."""

from __future__ import annotations

from typing import Any

from otel_agent.ledger.writer import Ledger
from otel_agent.model import Change, Turn
from tests.support.records import LONG_AFTER, MINUTE, T0, call, enter

OPEN: dict[str, Any] = {"finish": "tool-calls", "session_id": "ses_1"}


def begin(ledger: Ledger, changes: list[Change]) -> None:
    message = changes[0].message
    with ledger.transaction():
        ledger.turns.begin([(Turn(message.turn, message.turn, "", message.created_ms), changes)])


def idle(ledger: Ledger, before_ms: int = T0) -> list[int]:
    return ledger.turns.idle(before_ms=before_ms, limit=10)


def test_a_message_outside_any_turn_ends_none(ledger: Ledger) -> None:
    """A compaction that a person ordered is in no turn. A prompt that begins another turn ends the one before."""
    begin(ledger, enter(ledger, call(0, **OPEN)))
    enter(ledger, call(1, **OPEN | {"turn_id": ""}))
    assert idle(ledger) == []
    enter(ledger, call(2, **OPEN | {"turn_id": "turn_0"}))
    assert idle(ledger) == []
    enter(ledger, call(3, session_id="ses_2"))
    assert idle(ledger) == [], "that is another session"
    enter(ledger, call(4, **OPEN))
    assert idle(ledger) == [1]


def test_an_open_turn_is_waited_for_until_the_grace_period_is_over(ledger: Ledger) -> None:
    changes = enter(ledger, call(0, **OPEN))
    begin(ledger, changes)
    ended_ms = changes[0].message.ended_ms
    assert idle(ledger, ended_ms) == []
    assert idle(ledger, ended_ms + 1) == [1]


def test_a_turn_ends_with_the_message_that_ended_last(ledger: Ledger) -> None:
    """Not with the one that was read last: a second store may be read after the first one."""
    late = call(5, turn_id="turn_5", session_id="ses_1")
    begin(ledger, enter(ledger, late))
    early = call(1, turn_id="turn_5", **OPEN)
    changes = enter(ledger, early)
    with ledger.transaction():
        ledger.turns.extend([changes])
    (ended,) = ledger.turns.ended([1])
    assert ended.last.id == late.id
    assert ended.started_ms == early.created_ms == T0 + MINUTE


def test_a_turn_that_ended_is_not_idle(ledger: Ledger) -> None:
    begin(ledger, enter(ledger, call(0)))
    assert idle(ledger, LONG_AFTER) == []

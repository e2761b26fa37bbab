"""Spans in quarantine: messages and turns alike are tried again when they are released, and at each start."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.outbox import NewSpans, PendingSpans
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Change, Outcome, Tokens, ToolCall, Turn, UsageSource
from tests.support.records import START_NS, T0, call, enter


def with_turns(ledger: Ledger, count: int) -> list[Change]:
    """Count messages. Each is the whole of a turn that has ended."""
    changes = enter(ledger, *(call(number) for number in range(count)))
    with ledger.transaction():
        ledger.turns.begin(
            [
                (Turn(change.message.turn, change.message.turn, "", change.message.created_ms), [change])
                for change in changes
            ]
        )
    return changes


def entries(ledger: Ledger) -> list[PendingSpans]:
    return ledger.outbox.oldest(100)


def kinds(ledger: Ledger) -> list[bool]:
    return [entry.of_turn for entry in entries(ledger)]


@pytest.mark.parametrize("of_turn", [False, True], ids=["message", "turn"])
def test_an_entry_in_quarantine_is_kept_and_tried_again_when_it_is_released(ledger: Ledger, of_turn: bool) -> None:
    with_turns(ledger, 2)
    assert kinds(ledger) == [False, False, True, True]
    (bad, _) = [entry for entry in entries(ledger) if entry.of_turn is of_turn]
    with ledger.transaction():
        ledger.outbox.quarantine(bad)
    assert bad.number not in [entry.number for entry in entries(ledger) if entry.of_turn is of_turn]
    assert (len(ledger.outbox), ledger.outbox.quarantined) == (4, bad.spans)
    with ledger.transaction():
        ledger.outbox.release([bad])
    assert ledger.outbox.quarantined == 0
    assert kinds(ledger) == [False, False, True, True]


def test_a_start_tries_everything_in_quarantine_again(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, now_ns=START_NS, backfill_from_ms=0)
    with_turns(ledger, 2)
    with ledger.transaction():
        for entry in entries(ledger):
            ledger.outbox.quarantine(entry)
    assert entries(ledger) == []
    ledger.close()
    ledger = open_ledger(tmp_path, now_ns=START_NS, backfill_from_ms=0)
    found = kinds(ledger)
    ledger.close()
    assert found == [False, False, True, True]


def test_calls_after_a_compaction_of_their_session_are_known(ledger: Ledger) -> None:
    of_one = [call(number, session_id="ses_1") for number in range(3)]
    of_one[1] = call(1, session_id="ses_1", source=UsageSource.COMPACTION)
    enter(ledger, *of_one, call(5, session_id="ses_2"))
    assert [(entry.message.id, entry.compacted) for entry in entries(ledger)] == [
        ("msg_0", False),
        ("msg_1", False),
        ("msg_2", True),
        ("msg_5", False),
    ]


def test_the_calls_of_a_message_that_asked_no_model_are_pending(ledger: Ledger) -> None:
    """A person ran a command of their own: there is no span of a model, and one of the tool."""
    (change,) = enter(ledger, call(0, Tokens(), calls_model=False))
    assert entries(ledger) == []
    ran = ToolCall("prt_1", "call_1", "bash", Outcome.OK, T0, T0 + 400)
    with ledger.transaction():
        ledger.outbox.add_calls(change.number, [ran])
    (entry,) = entries(ledger)
    assert (entry.message.id, entry.calls) == ("msg_0", (ran,))
    with ledger.transaction():
        ledger.outbox.mark_accepted([entry])
    assert entries(ledger) == []


def test_a_turn_that_goes_on_after_it_was_accepted_is_sent_again(ledger: Ledger) -> None:
    """What comes later does not say by itself that the turn ended: it did before."""
    (first,) = with_turns(ledger, 1)
    with ledger.transaction():
        ledger.outbox.mark_accepted(entries(ledger))
    assert entries(ledger) == []
    later = call(1, turn_id=first.message.turn_id, finish="tool-calls")
    assert not later.ends_turn
    changes = enter(ledger, later)
    with ledger.transaction():
        assert ledger.turns.extend([changes]) == [], "it does not end once more"
    (turn,) = [entry for entry in entries(ledger) if entry.of_turn]
    assert (turn.turn.id, turn.message.id) == (first.message.turn_id, "msg_1")


def test_a_process_that_is_killed_after_it_counted_leaves_no_spans_that_nobody_knows_of(ledger: Ledger) -> None:
    """A summary without a backend was killed here. Then somebody chose one."""
    ledger.outbox.new_spans = NewSpans.LEFT_OUT
    with_turns(ledger, 3)
    assert len(ledger.outbox) == 0
    ledger.outbox.new_spans = NewSpans.PENDING
    with ledger.transaction():
        ledger.outbox.take_back()
    assert sorted(kinds(ledger)) == [False] * 3 + [True] * 3


def test_spans_that_never_leave_this_machine_are_not_taken_back(ledger: Ledger) -> None:
    ledger.outbox.new_spans = NewSpans.DROPPED
    changes = with_turns(ledger, 3)
    with ledger.transaction():
        ledger.outbox.add_calls(changes[0].number, [ToolCall("prt_1", "call_1", "bash", Outcome.OK, T0, T0 + 1)])
    assert ledger.outbox.left_out == 0
    assert len(ledger.outbox) == 0

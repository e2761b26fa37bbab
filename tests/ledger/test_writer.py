"""The facts of a ledger's whole life: its identity, its horizon, and what survives a move to another machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from otel_agent import semconv
from otel_agent.errors import LedgerError
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Checkpoint, Tokens
from tests.support.records import START_NS, call, enter, tokens, total

DAY_NS = 86_400_000_000_000


def reopened(state_dir: Path, *, backfill_from_ms: int = 0, days_later: int = 1) -> Ledger:
    return open_ledger(state_dir, now_ns=START_NS + days_later * DAY_NS, backfill_from_ms=backfill_from_ms)


def test_a_ledger_keeps_the_identity_and_horizon_of_its_first_start(tmp_path: Path) -> None:
    first = open_ledger(tmp_path, now_ns=START_NS, backfill_from_ms=1_234)
    first_id = first.id
    first.close()
    again = reopened(tmp_path, backfill_from_ms=9_999)
    assert again.id == first_id
    assert again.backfill_from_ms == 1_234
    again.close()


def test_checkpoints_are_replaced(ledger: Ledger) -> None:
    with ledger.transaction():
        ledger.remember([Checkpoint("a", b"\0old"), Checkpoint("b", b"other")])
    with ledger.transaction():
        ledger.remember([Checkpoint("a", b"\0new")])
    assert [ledger.recall(place) for place in "abc"] == [b"\0new", b"other", None]


def write_half(ledger: Ledger) -> None:
    """A message and a checkpoint, and then something that the ledger refuses."""
    ledger.messages.record([call(0)], [], count_from_ms=0)
    ledger.remember([Checkpoint("a", b"read")])
    ledger.remember([Checkpoint("b", None)])  # type: ignore[arg-type]


def test_a_store_is_recalled_once_a_reader_left_a_state_in_it_or_everything_was_read(ledger: Ledger) -> None:
    assert not ledger.may_recall("/data/opencode")
    with ledger.transaction():
        ledger.remember([Checkpoint("tree:/data/opencode/ses_1", b"x")])
    assert ledger.may_recall("/data/opencode")
    assert not ledger.may_recall("/other/opencode")
    with ledger.transaction():
        ledger.note_sweep(1)
    assert ledger.may_recall("/other/opencode")


def test_a_transaction_is_all_or_nothing(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="NOT NULL"), ledger.transaction():
        write_half(ledger)
    assert ledger.recall("a") is None
    assert len(ledger.outbox) == 0
    assert [change.first for change in enter(ledger, call(0))] == [True]


def test_the_same_machine_goes_on_with_its_totals(ledger: Ledger) -> None:
    ledger.adopt("here")
    enter(ledger, call(0))
    ledger.adopt("here")
    assert ledger.instance_id == "here"
    assert tokens(ledger) == call(0).tokens


def test_another_machine_starts_from_zero_and_counts_nothing_again(tmp_path: Path) -> None:
    """The first one goes on exporting what it counted: exported by both it would be doubled."""
    here = open_ledger(tmp_path / "here", now_ns=START_NS, backfill_from_ms=0)
    here.adopt("here")
    enter(here, call(0), call(1))
    with here.transaction():
        here.sessions.track("ses_0")
    here.close()
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    there = reopened(tmp_path / "there")
    there.adopt("there")
    assert there.instance_id == "there"
    assert tokens(there) == Tokens()
    enter(there, call(0), call(1), call(3, Tokens(7)))
    assert tokens(there) == Tokens(7)
    assert total(there, semconv.MESSAGE_COUNT) == 1
    assert total(there, semconv.SESSION_COUNT) == 0
    assert there.sessions.tracked(["ses_0"]) == set()
    of_session = there.messages.history_of("ses_0", after=there.epoch_message)
    assert [change.message.id for change in of_session] == ["msg_3"]
    there.close()
    again = reopened(tmp_path / "there", days_later=2)
    again.adopt("there")
    assert tokens(again) == Tokens(7)
    again.close()


def test_a_correction_of_what_the_other_machine_counted_adds_the_difference(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, now_ns=START_NS, backfill_from_ms=0)
    ledger.adopt("here")
    enter(ledger, call(0, Tokens(10)))
    ledger.adopt("there")
    enter(ledger, replace(call(0), tokens=Tokens(14)))
    assert tokens(ledger) == Tokens(4)
    ledger.close()


def test_spans_are_pending_oldest_first_until_they_are_accepted(ledger: Ledger) -> None:
    enter(ledger, *(call(number) for number in range(4)))
    first, second, third, fourth = ledger.outbox.oldest(9)
    assert [each.message.id for each in (first, second, third, fourth)] == ["msg_0", "msg_1", "msg_2", "msg_3"]
    assert first.message == call(0)
    assert first.session.id == "ses_0"
    with ledger.transaction():
        ledger.outbox.mark_accepted([first, third])
        ledger.outbox.quarantine(second)
    assert [each.message.id for each in ledger.outbox.oldest(9)] == ["msg_3"]
    assert len(ledger.outbox) == 2


def test_quarantined_spans_are_tried_again_at_the_next_start(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, now_ns=START_NS, backfill_from_ms=0)
    enter(ledger, call(0))
    with ledger.transaction():
        ledger.outbox.quarantine(ledger.outbox.oldest(1)[0])
    assert ledger.outbox.oldest(1) == []
    ledger.close()
    again = reopened(tmp_path)
    assert [each.message.id for each in again.outbox.oldest(1)] == ["msg_0"]
    again.close()

"""An import of 2.x can begin the totals of a session again. What they hold then is noted, if it is certain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from otel_agent.intake.session_records import SessionRecords
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Generation, OldRow, Session, SessionTotals, StoreTotals, Tokens
from tests.support.records import LONG_AFTER, START_NS, call, enter

STORE = "opencode.db"
OLD, NEW = Tokens(1_200, 80), Tokens(31, 7)
BELOW_ZERO = Tokens(-400, 80)
SESSION = Session("ses_1", version="2.0.17")


class Source:
    """A store in which the row of the old message is gone. OpenCode may have written since its totals were read."""

    def __init__(self, now: SessionTotals) -> None:
        self.now = now
        self.asked_of_1_x = 0

    def rows_of(self, session_ids: Sequence[str]) -> frozenset[str]:
        return frozenset({"msg_new"}) if SESSION.id in session_ids else frozenset()

    def rows_of_1_x(self, message_ids: Sequence[str]) -> list[OldRow]:
        self.asked_of_1_x += 1
        return [OldRow(id_, BELOW_ZERO, 0, fits=True) for id_ in message_ids]

    def totals_of(self, session_ids: Sequence[str]) -> list[SessionTotals]:
        return [self.now] if SESSION.id in session_ids else []


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """It has counted two messages of the session; the totals were begun again between them."""
    ledger = open_ledger(tmp_path / "state", now_ns=START_NS, backfill_from_ms=0)
    of_2_x = {"session_id": SESSION.id, "generation": Generation.V2}
    enter(ledger, call(0, OLD, id="msg_old", **of_2_x), call(1, NEW, id="msg_new", **of_2_x))
    yield ledger
    ledger.close()


def totals(tokens: Tokens) -> SessionTotals:
    return SessionTotals(SESSION, updated_ms=1, tokens=tokens, cost_nusd=0)


def known(ledger: Ledger, read: SessionTotals, now: SessionTotals) -> Tokens:
    """Return what the ledger has of the totals that were read, if the store has others by now."""
    records = SessionRecords(ledger)
    records.note(STORE, StoreTotals([read], source=Source(now)))
    return records.known(STORE, {SESSION.id: read})[SESSION.id].tokens


def test_totals_that_began_again_hold_what_came_since(ledger: Ledger) -> None:
    read = totals(NEW)
    assert known(ledger, read, read) == NEW
    later = totals(NEW.plus(NEW))
    assert known(ledger, later, later) == NEW, "it is noted for ever"


def test_totals_that_opencode_is_writing_did_not_begin_again(ledger: Ledger) -> None:
    """They may be small because a row was read that is newer than they are."""
    read = totals(NEW)
    assert known(ledger, read, replace(read, tokens=NEW.plus(Tokens(5)))) == OLD.plus(NEW)
    assert known(ledger, totals(OLD.plus(NEW)), totals(OLD.plus(NEW))) == OLD.plus(NEW), "nothing was noted"


def test_totals_that_no_messages_add_up_to_did_not_begin_again(ledger: Ledger) -> None:
    read = totals(NEW.plus(Tokens(5)))
    assert known(ledger, read, read) == OLD.plus(NEW)


@pytest.mark.parametrize(
    ("version", "used", "asked"),
    [
        ("1.3.2", Tokens(0, 80), 0),
        ("1.3.2", BELOW_ZERO, 1),
        ("0.6.4", BELOW_ZERO, 1),
        ("2.0.17", BELOW_ZERO, 0),
        ("0.0.0-dev-202609212252", BELOW_ZERO, 0),
        ("1.0.100", Tokens(), 0),
    ],
)
def test_rows_of_1_x_are_looked_at_only_if_they_may_say_why_the_totals_differ(
    tmp_path: Path, version: str, used: Tokens, asked: int
) -> None:
    """Of a session that the totals know nothing of, nothing can be missing."""
    of = replace(SESSION, version=version)
    read = SessionTotals(of, updated_ms=1, tokens=used, cost_nusd=0)
    ledger = open_ledger(tmp_path / "state", now_ns=START_NS, backfill_from_ms=0)
    with ledger.transaction():
        message = call(0, Tokens(0, 80), session_id=of.id, generation=Generation.V1)
        ledger.messages.record([message], [of], count_from_ms=0)
    records, source = SessionRecords(ledger), Source(read)
    records.note(STORE, StoreTotals([read], migrated_ms=LONG_AFTER, source=source))
    known = records.known(STORE, {of.id: read})[of.id]
    assert source.asked_of_1_x == asked
    assert known.tokens == (BELOW_ZERO if asked else Tokens(0, 80))
    ledger.close()

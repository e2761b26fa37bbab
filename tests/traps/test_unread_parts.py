"""A part that cannot be read just now is not taken for one that is not there: its message waits, and the loss is named."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent import semconv
from otel_agent.intake.ingest import Ingest
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.queries import open_to_read
from otel_agent.ledger.writer import Ledger
from otel_agent.model import ProblemKind
from otel_agent.opencode.locations import StoreLocations, find_stores
from otel_agent.summary.text.warnings import warnings
from tests.intake.ingests import RULES, Clock
from tests.support.made_stores import Database, JsonTree, Tokens, message, session, tool
from tests.support.made_stores.json_tree import settle
from tests.support.records import GRACE, T0, total

OF = message(session(T0), Tokens(1200, 80, 20, 400, 10), T0, completed=T0 + 4_000)
CALL = tool(OF, "grep")
SOON = T0 + 60_000


class Here:
    """A data folder with one message and its tool call, and the passes of an agent over it."""

    def __init__(self, folder: Path) -> None:
        self.data, self.clock = folder / "data", Clock(SOON)
        self.state = folder / "state"
        self.ledger: Ledger = open_ledger(self.state, now_ns=T0 * 1_000_000, backfill_from_ms=0)
        self.ingest = self._ingest()

    def _ingest(self) -> Ingest:
        places = StoreLocations((self.data,), ())
        return Ingest(self.ledger, lambda: find_stores(places), RULES, now_ns=self.clock)

    def look(self) -> tuple[int, int]:
        """Make a pass, and return how many messages and tool calls are counted by now."""
        self.ingest.run()
        return total(self.ledger, semconv.MESSAGE_COUNT), total(self.ledger, semconv.TOOL_CALL_COUNT)

    def restart(self) -> None:
        self.ingest.close()
        self.ingest = self._ingest()

    def said(self) -> str:
        with open_to_read(self.state) as ledger:
            assert ledger is not None
            return " ".join(warnings(ledger))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    made = Here(tmp_path)
    made.data.mkdir()
    yield made
    made.ingest.close()
    made.ledger.close()


Mend = Callable[[], object]


def unreadable_file(path: Path) -> Mend:
    """Put a link in the file's place that leads to itself: opening it fails, for root too. Return what puts it back."""
    content = path.read_bytes()
    path.unlink()
    path.symlink_to(path)

    def mend() -> None:
        path.unlink()
        path.write_bytes(content)
        settle(path)

    return mend


def unreadable_part(here: Here) -> Mend:
    tree = JsonTree(here.data)
    tree.put_turn(OF)
    tree.put(CALL)
    return unreadable_file(tree.path(CALL))


def unreadable_folder_of_parts(here: Here) -> Mend:
    tree = JsonTree(here.data)
    tree.put_turn(OF)
    tree.put(CALL)
    folder, aside = tree.path(CALL).parent, here.data / "aside"
    shutil.move(folder, aside)
    folder.symlink_to(folder)

    def mend() -> None:
        folder.unlink()
        shutil.move(aside, folder)

    return mend


def unreadable_session(here: Here) -> Mend:
    tree = JsonTree(here.data)
    tree.put_turn(OF)
    tree.put(CALL)
    return unreadable_file(tree.path(OF.session))


def damaged_page_of_parts(here: Here) -> Mend:
    database = Database(here.data / "opencode.db").create()
    database.put_turn(OF)
    database.put(CALL)
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'part'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    whole = database.path.read_bytes()
    start = (root - 1) * size

    def write(content: bytes) -> None:
        with database.path.open("r+b") as file:
            file.seek(start)
            file.write(content)

    write(b"\xff" * size)
    return lambda: write(whole[start : start + size])


PLACES = (unreadable_part, unreadable_folder_of_parts, unreadable_session, damaged_page_of_parts)


@pytest.mark.parametrize("place", PLACES, ids=lambda each: each.__name__)
def test_a_message_waits_for_its_parts_and_then_counts_with_its_calls(
    here: Here, place: Callable[[Here], Mend]
) -> None:
    mend = place(here)
    assert here.look() == (0, 0)
    here.restart()
    assert here.look() == (0, 0), "a restart forgets nothing of it"
    assert here.said(), "it is said meanwhile"
    mend()
    here.clock.now_ms += 30_000
    assert here.look() == (1, 1)
    here.look()
    assert here.said() == ""


@pytest.mark.parametrize("place", PLACES, ids=lambda each: each.__name__)
def test_after_the_grace_period_the_message_counts_and_the_loss_is_named(
    here: Here, place: Callable[[Here], Mend], caplog: pytest.LogCaptureFixture
) -> None:
    place(here)
    assert here.look()[0] == 0
    here.restart()
    here.clock.now_ms += GRACE + 1
    with caplog.at_level(logging.WARNING):
        assert here.look()[0] == 1
    assert here.look()[0] == 1
    lost = [each for each in here.ledger.problems.of_places(_places(here)) if each.kind is ProblemKind.CALLS_LOST]
    assert len(lost) == 1
    assert "1 message was counted without tool calls" in here.said() or "1 message counted without" in here.said()
    assert sum("its tool calls" in each.message for each in caplog.records) == 1


def test_a_message_without_parts_does_not_wait(here: Here) -> None:
    JsonTree(here.data).put_turn(OF)
    assert here.look() == (1, 0)


def test_nothing_of_the_other_messages_waits(here: Here) -> None:
    other = message(session(T0, counter=9), Tokens(7), T0 + 10_000, counter=5, completed=T0 + 14_000)
    unreadable_part(here)
    JsonTree(here.data).put_turn(other)
    assert here.look() == (1, 0)


def _places(here: Here) -> list[str]:
    with closing(sqlite3.connect(here.state / "ledger.db")) as ledger:
        return [row[0] for row in ledger.execute("SELECT place FROM problem")]

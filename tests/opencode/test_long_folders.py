"""A new message costs the same, however many files lie beside it; and whoever lists a long folder is busy, and does not hang."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from otel_agent import semconv
from otel_agent.doctor.status import status_of
from otel_agent.intake.ingest import Ingest
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Batch, ProblemKind, ReadScope
from otel_agent.opencode import long_listings
from otel_agent.opencode.bounded_files import read_bounded
from otel_agent.opencode.json_tree import restless
from otel_agent.opencode.json_tree.folder import Folder
from otel_agent.opencode.json_tree.marks import Marks, mark_of
from otel_agent.opencode.locations import StoreLocations, find_stores
from otel_agent.settings import Settings
from tests.export.fakes import ListedStore
from tests.intake.ingests import RULES, Clock, ingest_of
from tests.support.made_stores import JsonTree, Message, Tokens, message, session
from tests.support.records import T0, call, total
from tests.support.waiting import eventually

HOUR_MS = 3_600_000


class Here:
    """A tree, the passes over it, and what they list."""

    def __init__(self, folder: Path) -> None:
        self.data, self.state = folder / "data", folder / "state"
        self.data.mkdir()
        self.tree = JsonTree(self.data)
        self.ledger: Ledger = open_ledger(self.state, now_ns=T0 * 1_000_000, backfill_from_ms=0)
        self.clock = Clock(T0 + 24 * HOUR_MS)
        places = StoreLocations((self.data,), ())
        self.ingest = Ingest(self.ledger, lambda: find_stores(places), RULES, now_ns=self.clock)

    def put(self, number: int) -> Message:
        """Write a message of the one session, whose file is an hour old."""
        found = message(session(T0), Tokens(number), T0 + number * 1_000, counter=number, completed=T0 + number * 1_000)
        self.tree.put_turn(found)
        self.age(found, HOUR_MS)
        return found

    def put_many(self, number: int) -> str:
        """Write so many messages; return their folder."""
        return {str(self.tree.path(self.put(each)).parent) for each in range(1, number + 1)}.pop()

    def age(self, record: Message, age_ms: int) -> None:
        at_ns = (self.clock.now_ms - age_ms) * 1_000_000
        os.utime(self.tree.path(record), ns=(at_ns, at_ns))

    def look(self, *hinted: Message) -> int:
        """Make a pass after hints about these files; return how many messages were counted so far."""
        self.ingest.run(changed_paths=frozenset(str(self.tree.path(each)) for each in hinted))
        return self.counted()

    def counted(self) -> int:
        return total(self.ledger, semconv.MESSAGE_COUNT)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    found = Here(tmp_path)
    yield found
    found.ingest.close()
    found.ledger.close()


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that were listed since the list was cleared."""
    found: list[str] = []
    scandir = os.scandir

    def noting(path: Any) -> Any:
        found.append(os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noting)
    return found


def test_a_hint_about_a_file_reads_that_file_and_lists_neither_its_folder_nor_the_sessions(
    here: Here, listed: list[str]
) -> None:
    folder = here.tree.path(here.put(1)).parent
    recalled: list[str] = []
    recall = here.ingest.readings._recall

    def noting(place: str) -> bytes | None:
        recalled.append(place)
        return recall(place)

    here.ingest.readings._recall = noting
    here.ingest.run(sweep=True)
    assert str(folder) in listed
    listed.clear()
    recalled.clear()
    second, third = here.put(2), here.put(3)
    assert here.look(second, third) == 3
    sessions = str(here.data / "storage" / "session")
    # The folders of projects are few; their files are not.
    assert not [each for each in listed if each == str(folder) or each.startswith(f"{sessions}{os.sep}")]
    # A checkpoint has 8 bytes for each file of its folder.
    assert not [place for place in recalled if place.endswith(str(folder))]


def test_what_no_hint_named_is_found_when_all_folders_are_looked_at(here: Here) -> None:
    here.put(1)
    here.ingest.run(sweep=True)
    here.put(2)
    assert here.look(here.put(3)) == 2
    here.ingest.run()
    assert here.counted() == 3


def test_a_file_that_was_put_off_is_read_by_its_name_without_another_hint(here: Here, listed: list[str]) -> None:
    folder = here.tree.path(here.put(1)).parent
    here.ingest.run(sweep=True)
    second = here.put(2)
    here.age(second, 0)  # OpenCode may be writing it
    assert here.look(second) == 1
    listed.clear()
    here.clock.now_ms += 1_000
    assert here.look() == 2
    assert str(folder) not in listed


def test_a_folder_that_appears_is_listed_because_its_first_files_came_before_its_watch(here: Here) -> None:
    here.ingest.run(sweep=True)
    first, second = here.put(1), here.put(2)
    here.age(first, 1_000)  # OpenCode may write it again: the folder is not at rest
    assert here.look(second) == 2
    here.put(3)
    here.clock.now_ms += 1_000
    assert here.look() == 3


def test_a_long_folder_is_listed_after_a_pause_that_follows_its_length_and_by_each_sweep(
    here: Here, listed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten entries are long here, and each means a pause of a minute."""
    monkeypatch.setattr(restless, "_LONG", 10)
    monkeypatch.setattr(restless, "_PAUSE_NS", 60 * 10**9)
    folder = here.put_many(11)
    here.ingest.run(sweep=True)
    listed.clear()
    here.put(12)
    here.clock.now_ms += 11 * 60_000 - 1
    here.ingest.run()
    assert folder not in listed
    assert here.look(here.put(13)) == 12, "what a hint names is read at once"
    here.clock.now_ms += 1
    here.ingest.run()
    assert listed.count(folder) == 1
    assert here.counted() == 13
    here.put(14)
    here.ingest.run(sweep=True)
    assert here.counted() == 14


def test_whoever_lists_a_long_folder_is_busy_and_one_that_stops_does_not_answer(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_listings, "_AT_ONCE", 10)
    may_read = threading.Semaphore(0)
    read = Folder._read_file

    def wait_and_read(self: Folder, *args: Any) -> None:
        may_read.acquire()
        read(self, *args)

    monkeypatch.setattr(Folder, "_read_file", wait_and_read)
    folder = here.put_many(30)
    here.ingest.readings.seconds = 0.2

    def noted() -> list[tuple[ProblemKind, str]]:
        here.ingest.run()
        rows = here.ledger._database.execute("SELECT kind, detail FROM problem").fetchall()
        return [(ProblemKind(kind), detail) for kind, detail in rows]

    may_read.release(12)
    eventually(noted, [(ProblemKind.BUSY, f"{folder}, 10 entries so far")])
    settings = Settings(state_dir=here.state, data_dirs=(here.data,), discover_stores=False)
    status = status_of(settings, datetime.now(UTC))
    assert status.silent == ()
    assert [f"({folder}, 10 entries so far)" in each for each in status.warnings] == [True]
    may_read.release(12)
    eventually(noted, [(ProblemKind.BUSY, f"{folder}, 20 entries so far")])
    assert here.ingest.readings.silent == frozenset()
    eventually(lambda: noted()[0][0], ProblemKind.SILENT)
    may_read.release(1_000)
    eventually(lambda: (len(noted()), here.counted()), (0, 30))
    assert total(here.ledger, semconv.UNREADABLE_COUNT) == 1, "only the silence"


def test_hints_that_come_while_a_store_is_busy_are_looked_at_afterwards(ledger: Ledger) -> None:
    class Slow(ListedStore):
        gate, scopes = threading.Event(), list[ReadScope]()

        def read(self, *args: Any, scope: ReadScope, **more: Any) -> Iterator[Batch]:
            self.scopes.append(scope)
            self.gate.wait()
            return super().read(*args, scope=scope, **more)

    store = Slow("slow", call(1))
    ingest = ingest_of(ledger, store)
    ingest.readings.seconds = 0.05
    for path in ("a", "b", "c"):
        ingest.run(changed_paths=frozenset({path}))
    assert len(store.scopes) == 1
    store.gate.set()

    def readings() -> int:
        ingest.run(changed_paths=frozenset({"d"}))
        return len(store.scopes)

    eventually(lambda: readings() > 1, True)
    seen = store.scopes[1].changed_paths
    assert seen is not None
    assert seen >= {"b", "c", "d"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = open_ledger(tmp_path / "other", now_ns=T0 * 1_000_000, backfill_from_ms=0)
    yield found
    found.close()


def test_files_beside_the_folders_of_sessions_are_no_messages(here: Here) -> None:
    here.put_many(2)
    messages = here.data / "storage" / "message"
    for number in range(30):
        (messages / f"{number}.json").write_bytes(b"{}")
    store = find_stores(StoreLocations((here.data,), ()))[0][str(messages)]
    assert store.length() == 2


def status(number: int) -> os.stat_result:
    return os.stat_result((0o100644, number, 0, 1, 0, 0, number, 0, 0, 0))


@pytest.mark.parametrize("order", ["ascending", "of an earlier version"])
def test_marks_of_any_order_are_known_and_the_state_stays_until_a_file_changes(order: str) -> None:
    numbers = [mark_of(status(number)) for number in range(300)]
    as_bytes = [number.to_bytes(8, "little", signed=True) for number in numbers]
    state = b"".join(sorted(as_bytes) if order != "ascending" else (as_bytes[at] for at in order_of(numbers)))
    marks = Marks(state)
    assert all(marks.meet(each) for each in numbers)
    assert not marks.meet(mark_of(status(300)))
    assert marks.state() == state
    fewer = Marks(state)
    for each in numbers[1:]:
        fewer.meet(each)
    assert not Marks(fewer.state()).meet(numbers[0]), "its file is gone"
    fewer.add(mark_of(status(301)))
    again = Marks(fewer.state())
    assert [again.meet(mark_of(status(number))) for number in (0, 1, 299, 300, 301)] == [False, True, True, False, True]


def order_of(numbers: list[int]) -> list[int]:
    by_number: Callable[[int], int] = numbers.__getitem__
    return sorted(range(len(numbers)), key=by_number)


def test_a_hundred_thousand_new_marks_and_two_names_of_one_file_are_kept_once_each() -> None:
    marks = Marks(b"")
    for number in range(100_000):
        marks.add(number * 7919 % 100_003)
    marks.add(0)
    state = marks.state()
    again = Marks(state)
    assert all(again.meet(number * 7919 % 100_003) for number in range(100_000))
    assert again.state() == state
    assert len(Marks(state)._known) == 100_000


def test_a_pipe_or_a_folder_among_the_files_is_no_file_and_nothing_is_taken_out_of_the_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    both_ends = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        os.write(both_ends, b"somebody else's")
        assert read_bounded(str(tmp_path / "pipe"), 100) is None
        assert os.read(both_ends, 100) == b"somebody else's"
    finally:
        os.close(both_ends)
    assert read_bounded(str(tmp_path), 100) is None

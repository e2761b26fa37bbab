"""Which stores gave messages and cannot be read now, by the problems in the ledger."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec import structs

from otel_agent.ledger.queries import open_to_read
from otel_agent.ledger.unreadable_stores import UnreadableStore
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Generation, Problem, ProblemKind
from tests.support.records import call

DATA = f"{os.sep}data"
TREE = f"{DATA}{os.sep}storage"
STORE = f"{DATA}{os.sep}opencode.db"
MINUTE_MS = 60_000


@pytest.fixture
def counted(ledger: Ledger) -> Ledger:
    """Three messages of one store are counted, in two formats, and one of another store."""
    messages = [call(number) for number in (1, 2, 3)]
    with ledger.transaction():
        ledger.store_counts.add(STORE, messages[:2])
        ledger.store_counts.add(STORE, [structs.replace(each, generation=Generation.V2) for each in messages[2:]])
        ledger.store_counts.add(f"{STORE}-other", [call(4)])
    return ledger


def found(ledger: Ledger, state_dir: Path, *problems: tuple[ProblemKind, str, int]) -> list[UnreadableStore]:
    for kind, place, now_ms in problems:
        with ledger.transaction():
            ledger.problems.note([Problem(kind, place)], now_ms=now_ms)
    with open_to_read(state_dir) as queries:
        assert queries is not None
        return queries.unreadable_stores()


def test_the_messages_of_a_store_are_those_of_all_its_formats(counted: Ledger, tmp_path: Path) -> None:
    with open_to_read(tmp_path / "state") as queries:
        assert queries is not None
        assert [each.messages for each in queries.store_counts()] == [2, 1, 1]
        assert queries.messages_by_store() == {STORE: 3, f"{STORE}-other": 1}


@pytest.mark.parametrize("place", [STORE, f"{STORE}#message", DATA, f"{DATA}{os.sep}"])
def test_a_store_its_table_or_a_folder_above_it_has_the_problem(counted: Ledger, tmp_path: Path, place: str) -> None:
    seen = found(counted, tmp_path / "state", (ProblemKind.NO_ACCESS, place, 5))
    assert UnreadableStore(STORE, 3, ProblemKind.NO_ACCESS, place, 5) in seen
    assert len(seen) == (2 if place.startswith(DATA) and "opencode" not in place else 1)
    assert seen[0].is_hidden == (not place.startswith(STORE))


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        (ProblemKind.BUSY, STORE),
        (ProblemKind.MALFORMED, STORE),
        (ProblemKind.DAMAGED, f"{DATA}{os.sep}opencode-notes.db"),
        (ProblemKind.DAMAGED, f"{DATA}{os.sep}open"),
        (ProblemKind.NO_ACCESS, f"{TREE}{os.sep}session"),
        (ProblemKind.NO_ACCESS, os.path.normpath(f"{TREE}/message/ses_1")),
        (ProblemKind.NO_ACCESS, os.path.normpath(f"{TREE}/message/ses_1/msg_1.json")),
        (ProblemKind.NO_ACCESS, f"{STORE}{os.sep}session"),
    ],
)
def test_a_problem_of_something_else_makes_no_store_unreadable(
    counted: Ledger, tmp_path: Path, kind: ProblemKind, place: str
) -> None:
    assert found(counted, tmp_path / "state", (kind, place, 5)) == []


@pytest.mark.parametrize("kind", [ProblemKind.NO_ACCESS, ProblemKind.LOCKED, ProblemKind.SILENT])
@pytest.mark.parametrize("place", ["open", "opencode-beta.db", "storage", "storage/message"])
def test_a_place_that_was_never_read_can_hold_a_store(
    counted: Ledger, tmp_path: Path, kind: ProblemKind, place: str
) -> None:
    name = os.path.normpath(f"{DATA}/{place}")
    assert found(counted, tmp_path / "state", (kind, name, 5)) == [UnreadableStore(name, 0, kind, name, 5)]


def test_a_folder_that_only_cannot_be_listed_hides_no_store_that_is_known(counted: Ledger, tmp_path: Path) -> None:
    """Known stores are found in it by their names, so they say themselves if they cannot be read."""
    assert found(counted, tmp_path / "state", (ProblemKind.NOT_LISTED, DATA, 5)) == []
    (seen,) = found(counted, tmp_path / "state", (ProblemKind.DAMAGED, STORE, 6))
    assert (seen.name, seen.kind) == (STORE, ProblemKind.DAMAGED)


def test_a_folder_that_cannot_be_listed_and_holds_no_known_store_can_hold_others(
    counted: Ledger, tmp_path: Path
) -> None:
    place = f"{os.sep}elsewhere"
    (seen,) = found(counted, tmp_path / "state", (ProblemKind.NOT_LISTED, place, 5))
    assert seen == UnreadableStore(place, 0, ProblemKind.NOT_LISTED, place, 5)
    assert seen.is_alarm(6), "only a person can give the permission"


def test_a_place_in_another_one_that_cannot_be_read_is_no_second_one(counted: Ledger, tmp_path: Path) -> None:
    inner = f"{DATA}{os.sep}project"
    seen = found(counted, tmp_path / "state", (ProblemKind.NO_ACCESS, inner, 1), (ProblemKind.NO_ACCESS, DATA, 2))
    assert [each.name for each in seen] == [STORE, f"{STORE}-other"]


def test_a_store_is_named_once_with_what_lasts(counted: Ledger, tmp_path: Path) -> None:
    (seen,) = found(
        counted,
        tmp_path / "state",
        (ProblemKind.LOCKED, STORE, 1),
        (ProblemKind.DAMAGED, f"{STORE}#message", 2),
        (ProblemKind.DAMAGED, f"{STORE}#session", 3),
    )
    assert (seen.kind, seen.noticed_ms) == (ProblemKind.DAMAGED, 2)


@pytest.mark.parametrize(
    ("kind", "minutes", "alarm"),
    [
        (ProblemKind.DAMAGED, 0, True),
        (ProblemKind.NO_ACCESS, 0, True),
        (ProblemKind.SILENT, 60, False),
        (ProblemKind.LOCKED, 9, False),
        (ProblemKind.LOCKED, 10, True),
    ],
)
def test_a_lock_is_an_alarm_only_after_ten_minutes(kind: ProblemKind, minutes: int, alarm: bool) -> None:
    store = UnreadableStore(STORE, 3, kind, STORE, 1_000)
    assert store.is_alarm(1_000 + minutes * MINUTE_MS) is alarm

"""The ledger knows how far the reading of a long history is, from the first batch to the end, through every break."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.intake import history
from otel_agent.intake.catch_up import catch_up, opened
from otel_agent.intake.pass_progress import Pass, Progress
from otel_agent.ledger.answers import Scope
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.place import ledger_path
from otel_agent.ledger.queries import open_to_read
from otel_agent.ledger.reading import NOT_BEGUN, Reading
from otel_agent.settings import Settings
from tests.support.made_stores import T0, Database, JsonTree, Message, Tokens, message, session

FILES, ROWS = 36, 64
"""Messages in the tree, which is read first, and in the database."""
LONG_AGO = 1_000_000_000
"""Seconds since the Unix epoch."""


class Broken(Exception):
    """A test breaks a pass off."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data" / "opencode"


@pytest.fixture
def stores(data: Path) -> None:
    """Two stores, so that there is more than one batch."""
    JsonTree(data).put_turn(*calls(0, FILES))
    age(data)
    Database(data / "opencode.db").create().put_turn(*calls(FILES, FILES + ROWS))


def age(data: Path) -> None:
    """Let the tree be old: a file of this moment would be read again by the next pass."""
    for path in (data / "storage").rglob("*.json"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def calls(first: int, end: int) -> list[Message]:
    of = session()
    return [message(of, Tokens(input=1), T0 + number * 60_000, number) for number in range(first, end)]


def beside(settings: Settings) -> tuple[int, Reading | None]:
    """Return the number of messages, and the state of the reading, as another process sees them."""
    with open_to_read(settings.state_dir) as ledger:
        assert ledger is not None
        with ledger.moment():
            return ledger.usage(Scope()).messages, ledger.reading()


def watched(settings: Settings, *, until: int | None = None) -> list[tuple[int, Reading | None]]:
    """Read what is new; return what another process sees at each progress. `until`: break off at so many messages."""
    seen: list[tuple[int, Reading | None]] = []

    def look(read: Pass) -> None:
        if not read.done:
            seen.append(beside(settings))
            if seen[-1][0] == until:
                raise Broken

    if until is None:
        catch_up(settings, on_progress=look)
    else:
        with pytest.raises(Broken):
            catch_up(settings, on_progress=look)
    return seen


@pytest.mark.usefixtures("stores")
def test_each_batch_of_the_first_look_says_how_far_it_is(settings: Settings) -> None:
    seen = watched(settings)
    assert (36, Reading(36, 100)) in seen
    assert seen[-1] == (100, Reading(100, 100))
    assert beside(settings) == (100, None)


@pytest.mark.usefixtures("stores")
def test_a_first_look_that_is_broken_off_goes_on_where_it_was(settings: Settings) -> None:
    watched(settings, until=36)
    assert beside(settings) == (36, Reading(36, 100))
    seen = watched(settings)
    assert seen[-1] == (100, Reading(100, 100))
    assert all(reading is not None and reading.looked_at >= 36 for _, reading in seen)
    assert beside(settings) == (100, None)


def test_the_time_that_is_left_follows_from_what_this_process_has_read(caplog: pytest.LogCaptureFixture) -> None:
    """It read 64 of 100 in six seconds after 20 were read by another: 16 are left, which take 1.5 s."""
    clock = iter([0, 6 * 10**9, 6 * 10**9])
    progress = Progress(Pass(looked_at=84, looked_at_before=20, found=100), lambda: next(clock), None)
    with caplog.at_level("INFO"):
        progress.after_batch()
    assert "looked at 84 of about 100 files and rows, about 2 s left" in caplog.text


def test_a_ledger_without_a_first_look_is_incomplete(settings: Settings) -> None:
    open_ledger(settings.state_dir, now_ns=time.time_ns(), backfill_from_ms=0).close()
    assert beside(settings) == (0, NOT_BEGUN)
    catch_up(settings)
    assert beside(settings) == (0, None)


def test_a_file_in_which_no_table_was_made_yet_is_no_ledger(settings: Settings) -> None:
    settings.state_dir.mkdir(parents=True)
    with closing(sqlite3.connect(ledger_path(settings.state_dir))) as database:
        database.execute("PRAGMA journal_mode = WAL")
    with open_to_read(settings.state_dir) as ledger:
        assert ledger is None


@pytest.mark.usefixtures("stores")
def test_a_store_that_cannot_be_read_does_not_keep_the_first_look_open(settings: Settings, data: Path) -> None:
    """What is missing then is a problem, which every view names."""
    (data / "opencode.db").write_bytes(b"no database" * 1_000)
    catch_up(settings)
    assert beside(settings) == (36, None)


@pytest.mark.usefixtures("stores")
def test_a_store_that_could_not_be_read_has_its_history_still_before_it(
    settings: Settings, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it can be read, totals are incomplete until it was."""
    monkeypatch.setattr(history, "_LONG", 50)
    file = data / "opencode.db"
    good = file.read_bytes()
    file.write_bytes(b"no database" * 1_000)
    catch_up(settings)
    file.write_bytes(good)
    assert (100, Reading(64, 64)) in watched(settings)
    assert beside(settings) == (100, None)


@pytest.mark.usefixtures("stores")
def test_a_long_history_that_appears_later_is_incomplete_until_it_was_read(
    settings: Settings, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_LONG", 50)
    catch_up(settings)
    other = JsonTree(data.parent / "other")
    other.put_turn(*calls(1_000, 1_050))
    age(other.data_dir)
    both = Settings(state_dir=settings.state_dir, data_dirs=(data, other.data_dir))
    assert watched(both, until=150)[-1] == (150, Reading(50, 50))
    assert beside(settings) == (150, Reading(50, 50))
    catch_up(both)
    assert beside(settings) == (150, None)


@pytest.mark.usefixtures("stores")
@pytest.mark.parametrize("known", [True, False], ids=["grew", "is new and short"])
def test_news_of_a_known_or_short_store_do_not_make_totals_incomplete(
    known: bool, settings: Settings, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_LONG", 50)
    catch_up(settings)
    new = calls(1_000, 1_060 if known else 1_049)
    (JsonTree(data) if known else Database(data / "opencode-dev.db").create()).put_turn(*new)
    assert {reading for _, reading in watched(settings)} == {None}
    assert beside(settings) == (100 + len(new), None)


@pytest.mark.usefixtures("stores")
def test_a_ledger_that_names_no_stores_has_read_those_that_are_there(
    settings: Settings, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older release wrote it."""
    monkeypatch.setattr(history, "_LONG", 50)
    catch_up(settings)
    with closing(sqlite3.connect(ledger_path(settings.state_dir))) as database, database:
        database.execute("DELETE FROM meta WHERE key = 'stores_read'")
    JsonTree(data).put_turn(*calls(1_000, 1_060))
    assert {reading for _, reading in watched(settings)} == {None}
    Database(data / "opencode-dev.db").create().put_turn(*calls(2_000, 2_050))
    assert (210, Reading(50, 50)) in watched(settings)


@pytest.mark.usefixtures("stores")
def test_a_pass_over_what_was_hinted_at_does_not_end_the_reading(settings: Settings, data: Path) -> None:
    watched(settings, until=36)
    with opened(settings) as parts:
        parts.ingest.run(changed_paths=frozenset())
        assert beside(settings) == (100, Reading(100, 100))
        parts.ingest.run(sweep=True)
    assert beside(settings) == (100, None)

"""A summary that knows without reading that nothing is new, and reads in every other case."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

import otel_agent.intake.at_rest as at_rest_module
from otel_agent.intake.at_rest import SWEEP_MS, is_at_rest
from otel_agent.intake.catch_up import catch_up
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.place import ledger_path
from otel_agent.model import Problem, ProblemKind
from otel_agent.settings import Settings
from tests.support.made_stores import T0, Database, JsonTree, Message, Tokens, in_flight, message, session

A_MINUTE_NS = 60_000_000_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "opencode"
    folder.mkdir(parents=True)
    return folder


def call(number: int, **fields: object) -> Message:
    return message(session(counter=number % 2), Tokens(input=number), T0 + number * 60_000, number, **fields)


def age(folder: Path) -> None:
    """Everything in the folder was written a minute ago."""
    then = time.time_ns() - A_MINUTE_NS
    for path in (folder, *folder.rglob("*")):
        os.utime(path, ns=(then, then))


def tree_of(data: Path, *messages: Message) -> JsonTree:
    tree = JsonTree(data)
    tree.put_turn(*messages)
    age(data)
    return tree


def database_of(data: Path, *messages: Message) -> Database:
    database = Database(data / "opencode.db").create()
    database.put_turn(*messages)
    age(data)
    return database


MAKERS = pytest.mark.parametrize("make", [tree_of, database_of], ids=["tree", "database"])
Make = Callable[..., JsonTree | Database]


@MAKERS
def test_a_store_that_nobody_wrote_to_is_at_rest_after_one_pass(make: Make, data: Path, settings: Settings) -> None:
    make(data, call(1), call(2))
    assert not is_at_rest(settings), "nothing was read yet"
    assert catch_up(settings).messages == 2
    assert is_at_rest(settings)


def test_no_store_at_all_is_at_rest_until_there_is_one(data: Path, settings: Settings) -> None:
    catch_up(settings)
    assert is_at_rest(settings)
    tree_of(data, call(1))
    assert not is_at_rest(settings)


@MAKERS
@pytest.mark.parametrize("number", [3, 4], ids=["of a known session", "of another"])
def test_a_new_message_ends_it(make: Make, number: int, data: Path, settings: Settings) -> None:
    store = make(data, call(1), call(2))
    catch_up(settings)
    store.put_turn(call(number))
    assert not is_at_rest(settings)
    assert catch_up(settings).messages == 1


@MAKERS
def test_a_store_that_was_written_a_moment_ago_is_not_at_rest(make: Make, data: Path, settings: Settings) -> None:
    """It could be written once more without another time."""
    store = make(data, call(1))
    store.put_turn(call(3))
    catch_up(settings)
    assert not is_at_rest(settings)


@MAKERS
def test_a_message_that_waits_for_its_end_keeps_a_store_from_rest(make: Make, data: Path, settings: Settings) -> None:
    """It has usage already, so it counts after a while even if nobody writes."""
    at_ms = time.time_ns() // 1_000_000 - 120_000
    killed = message(session(), Tokens(input=3), at_ms, 5, completed=None, finish="stop")
    make(data, call(1), killed)
    assert catch_up(settings).messages == 1
    assert not is_at_rest(settings)


def test_a_file_of_a_tree_that_is_rewritten_in_place_ends_it(data: Path, settings: Settings) -> None:
    """It changes no folder, and without usage the ledger does not know the message at all."""
    tree = tree_of(data, call(1), in_flight(call(3)))
    catch_up(settings)
    assert is_at_rest(settings)
    folder = tree.path(call(3)).parent
    before = folder.stat().st_mtime_ns
    tree.put(call(3))
    os.utime(folder, ns=(before, before))
    assert not is_at_rest(settings)
    assert catch_up(settings).messages == 1


def test_a_file_in_flight_that_was_written_a_moment_ago_keeps_its_tree_from_rest(
    data: Path, settings: Settings
) -> None:
    """The pass may have read what was there before."""
    tree = tree_of(data, call(1), in_flight(call(3)))
    os.utime(tree.path(call(3)))
    catch_up(settings)
    assert not is_at_rest(settings)


def test_many_files_in_flight_are_looked_at_by_a_pass(data: Path, settings: Settings) -> None:
    tree_of(data, *(in_flight(call(2 * number)) for number in range(1, 202)))
    catch_up(settings)
    assert not is_at_rest(settings)


def test_a_message_of_a_database_that_ends_ends_it(data: Path, settings: Settings) -> None:
    database = database_of(data, call(1), in_flight(call(3)))
    catch_up(settings)
    database.put(call(3))
    assert not is_at_rest(settings)
    assert catch_up(settings).messages == 1


@MAKERS
def test_what_could_not_be_read_is_looked_at_again(make: Make, data: Path, settings: Settings) -> None:
    make(data, call(1))
    (data / "opencode-beta.db").write_bytes(b"no database at all" * 100)
    age(data)
    catch_up(settings)
    assert not is_at_rest(settings)


def test_a_file_that_is_torn_keeps_its_tree_from_rest(data: Path, settings: Settings) -> None:
    tree = tree_of(data, call(1), call(3))
    path = tree.path(call(3))
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    age(data)
    catch_up(settings)
    assert not is_at_rest(settings)


@MAKERS
def test_another_store_ends_it(make: Make, data: Path, settings: Settings, tmp_path: Path) -> None:
    make(data, call(1))
    catch_up(settings)
    more = tmp_path / "more"
    more.mkdir()
    database_of(more, call(2))
    assert not is_at_rest(replace(settings, data_dirs=(more,)))
    assert is_at_rest(settings)


@MAKERS
def test_a_store_that_goes_away_ends_it(make: Make, data: Path, settings: Settings) -> None:
    make(data, call(1))
    catch_up(settings)
    data.rename(data.with_name("elsewhere"))
    assert not is_at_rest(settings)


@MAKERS
@pytest.mark.parametrize(
    "changed", [{"unattributed_usage": False}, {"exporter": "none"}, {"exporter": "console"}], ids=str
)
def test_settings_by_which_a_pass_would_do_more_end_it(
    make: Make, changed: dict[str, object], data: Path, settings: Settings
) -> None:
    make(data, call(1))
    catch_up(settings)
    assert not is_at_rest(replace(settings, **changed))


@MAKERS
def test_another_release_reads_once_more(
    make: Make, data: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(data, call(1))
    catch_up(settings)
    monkeypatch.setattr(at_rest_module, "__version__", "999.0.0")
    assert not is_at_rest(settings)


@MAKERS
def test_a_day_later_everything_is_looked_at(
    make: Make, data: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(data, call(1))
    catch_up(settings)
    now_ns = time.time_ns()
    with monkeypatch.context() as patched:
        patched.setattr(time, "time_ns", lambda: now_ns + (SWEEP_MS + 1_000) * 1_000_000)
        assert not is_at_rest(settings)
    with closing(sqlite3.connect(ledger_path(settings.state_dir))) as ledger, ledger:
        ledger.execute("UPDATE meta SET value = value - 86400001 WHERE key = 'swept_ms'")
    catch_up(settings)
    assert is_at_rest(settings), "the pass looked at everything, and says when"


@MAKERS
def test_a_turn_that_may_go_on_keeps_it_from_rest(make: Make, data: Path, settings: Settings) -> None:
    """Its last message asked for tools a moment ago, so the turn ends with time alone."""
    at_ms = time.time_ns() // 1_000_000 - 120_000
    make(data, message(session(), Tokens(input=3), at_ms, 5, completed=at_ms + 1_000, finish="tool-calls"))
    assert catch_up(settings).messages == 1
    assert not is_at_rest(settings)


@pytest.mark.parametrize("named", [True, False], ids=["OPENCODE_DB", "in the folder"])
def test_a_database_behind_a_link_is_written_in_the_log_beside_it(
    named: bool, data: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite keeps the log beside the file and not beside the link. Until it is moved, nothing else changes."""
    real = tmp_path / "elsewhere"
    real.mkdir()
    database = Database(real / "real.db").create()
    with closing(sqlite3.connect(database.path)) as opencode:
        opencode.execute("PRAGMA journal_mode = WAL")
        database.put_turn(call(1))
        opencode.execute("SELECT count(*) FROM sqlite_master").fetchone()
        link = (tmp_path if named else data) / "opencode.db"
        link.symlink_to(database.path)
        if named:
            monkeypatch.setenv("OPENCODE_DB", str(link))
        age(real)
        assert catch_up(settings).messages == 1
        age(real)
        catch_up(settings)
        assert is_at_rest(settings)
        database.put_turn(call(3))
        age(real)
        assert not is_at_rest(settings)
        assert catch_up(settings).messages == 1


@MAKERS
def test_a_path_that_is_no_text_is_no_obstacle(
    make: Make, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = os.fsdecode(bytes(tmp_path) + b"/d\xff")
    monkeypatch.setenv("XDG_DATA_HOME", home)
    data = Path(home) / "opencode"
    data.mkdir(parents=True)
    store = make(data, call(1))
    assert catch_up(settings).messages == 1
    assert is_at_rest(settings)
    store.put_turn(call(3))
    assert not is_at_rest(settings)


def test_a_message_that_waits_for_another_file_keeps_its_tree_from_rest(data: Path, settings: Settings) -> None:
    """Its session is half written. That file is in no folder of messages."""
    tree = tree_of(data, call(1), call(2))
    path = tree.path(call(1).session)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert catch_up(settings).messages == 1
    assert not is_at_rest(settings)
    path.write_bytes(whole)
    assert catch_up(settings).messages == 1


@MAKERS
def test_a_problem_that_an_agent_met_since_is_looked_at_until_it_is_gone(
    make: Make, data: Path, settings: Settings
) -> None:
    """A lock or a permission changes no mark, when it comes and when it goes."""
    make(data, call(1))
    catch_up(settings)
    assert is_at_rest(settings)
    ledger = open_ledger(settings.state_dir, now_ns=time.time_ns(), backfill_from_ms=0)
    (store,) = {each.store for each in ledger.queries.store_counts()}
    with ledger.transaction():
        ledger.problems.note([Problem(ProblemKind.NO_ACCESS, store)], now_ms=time.time_ns() // 1_000_000)
    ledger.close()
    assert not is_at_rest(settings)
    catch_up(settings)
    assert is_at_rest(settings)


def test_a_folder_of_the_future_is_not_at_rest(data: Path, settings: Settings) -> None:
    """The clock of a file server is ahead: two changes can have one time."""
    tree = tree_of(data, call(1))
    then = time.time() + 3_600
    os.utime(tree.path(call(1)).parent, (then, then))
    catch_up(settings)
    assert not is_at_rest(settings)


def test_a_ledger_that_cannot_be_opened_is_no_reason_to_trust(data: Path, settings: Settings) -> None:
    database_of(data, call(1))
    catch_up(settings)
    ledger_path(settings.state_dir).write_bytes(b"garbage" * 1000)
    assert not is_at_rest(settings)

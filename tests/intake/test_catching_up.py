"""A summary brings the ledger up to date: cheaply, and without missing what OpenCode writes."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from otel_agent.errors import LedgerHeld
from otel_agent.intake import catch_up as catching_up
from otel_agent.intake.catch_up import catch_up, opened
from otel_agent.intake.ingest import Ingest, Pass
from otel_agent.intake.settled import run_settled
from otel_agent.ledger.answers import Scope
from otel_agent.ledger.hold import Hold
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.place import ledger_path
from otel_agent.ledger.queries import open_to_read
from otel_agent.model import Batch, Problem, ProblemKind
from otel_agent.opencode.sqlite.table_reader import TableReader
from otel_agent.settings import Settings
from tests.support.made_stores import T0, Database, JsonTree, Message, Tokens, in_flight, message, session

DAY_MS = 86_400_000


@pytest.fixture
def tree(tmp_path: Path) -> JsonTree:
    return JsonTree(tmp_path / "data" / "opencode")


def caught_up(settings: Settings) -> int:
    return catch_up(settings).messages


def at_rest(tree: JsonTree, *messages: Message) -> None:
    """Written, with their folders, a minute ago."""
    tree.put_turn(*messages)
    then = time.time() - 60
    for each in messages:
        for path in (tree.path(each), tree.path(each).parent):
            os.utime(path, (then, then))


def call(number: int, **fields: object) -> Message:
    return message(session(counter=number % 2), Tokens(input=number), T0 + number * 60_000, number, **fields)


def reads(tree: JsonTree, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders of sessions that one more pass lists."""
    listed: list[str] = []
    scandir = os.scandir

    def counted(path: object) -> object:
        listed.append(Path(str(path)).name)
        return scandir(path)  # type: ignore[call-overload]

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", counted)
        catch_up(settings)
    return [name for name in listed if name.startswith("ses_")]


def test_a_folder_at_rest_is_not_listed_by_the_next_process(
    tree: JsonTree, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_rest(tree, call(1), call(2))
    assert caught_up(settings) == 2
    assert reads(tree, settings, monkeypatch) == []
    tree.put(call(3))
    assert reads(tree, settings, monkeypatch) == [call(3).session.id]


@pytest.mark.parametrize("number", [3, 4], ids=["a known session", "another"])
def test_a_new_message_is_counted_by_the_next_summary(number: int, tree: JsonTree, settings: Settings) -> None:
    at_rest(tree, call(1))
    caught_up(settings)
    tree.put_turn(call(number))
    assert caught_up(settings) == 1


def test_a_message_in_flight_is_counted_when_it_completes_in_place(tree: JsonTree, settings: Settings) -> None:
    at_rest(tree, call(1), in_flight(call(3)))
    assert caught_up(settings) == 1
    tree.put(call(3))
    assert caught_up(settings) == 1


def test_rows_of_a_database_that_appeared_are_counted(tree: JsonTree, settings: Settings) -> None:
    at_rest(tree, call(1))
    caught_up(settings)
    database = Database(tree.data_dir / "opencode.db").create()
    database.put_turn(call(2), in_flight(call(3)))
    assert caught_up(settings) == 1
    database.put(call(3))
    assert caught_up(settings) == 1


def test_rows_that_were_rewritten_are_looked_for_only_if_somebody_wrote(
    tree: JsonTree, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk over all rows takes a second for a million of them."""
    walks: list[str] = []
    walk = TableReader._rewritten

    def noted(reader: TableReader) -> Iterator[Batch]:
        walks.append(reader._name)
        return walk(reader)

    monkeypatch.setattr(TableReader, "_rewritten", noted)
    database = Database(tree.data_dir / "opencode.db").create()
    database.put_turn(call(1))
    then = time.time() - 60
    os.utime(database.path, (then, then))
    assert caught_up(settings) == 1
    assert caught_up(settings) == 0
    assert walks == []
    database.put(replace(call(1), tokens=Tokens(input=50)))
    catch_up(settings)
    assert len(walks) == 1
    assert input_tokens(settings) == 50


def test_a_file_at_rest_that_is_rewritten_in_place_is_read_by_the_daily_sweep(
    tree: JsonTree, settings: Settings
) -> None:
    at_rest(tree, call(1))
    caught_up(settings)
    tree.put(replace(call(1), tokens=Tokens(input=100)))
    then = time.time() - 50
    os.utime(tree.path(call(1)), (then, then))
    catch_up(settings)
    assert input_tokens(settings) == 1
    ledger = open_ledger(settings.state_dir, now_ns=time.time_ns(), backfill_from_ms=0)
    with ledger.transaction():
        ledger.note_sweep(ledger.swept_ms - DAY_MS - 1)
    ledger.close()
    catch_up(settings)
    assert input_tokens(settings) == 100


def input_tokens(settings: Settings) -> int:
    with open_to_read(settings.state_dir) as ledger:
        assert ledger is not None
        return ledger.usage(Scope()).tokens.input


def test_a_sweep_forgets_the_sessions_that_were_deleted(tree: JsonTree, settings: Settings) -> None:
    at_rest(tree, call(1), call(2))
    caught_up(settings)
    tree.remove(call(2))
    tree.path(call(2)).parent.rmdir()
    with opened(settings) as parts:
        parts.ingest.run(sweep=True)
        state = parts.ledger.recall(f"tree:{tree.data_dir}/storage/message")
    assert state is not None
    assert call(1).session.id.encode() in state
    assert call(2).session.id.encode() not in state


def test_a_folder_whose_name_is_no_text_does_not_harm_the_others(
    tree: JsonTree, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_rest(tree, call(1))
    odd = os.fsencode(tree.path(call(1)).parent.parent) + b"/ses_\xff"
    os.mkdir(odd)  # noqa: PTH102 - of bytes
    os.utime(odd, (time.time() - 60,) * 2)
    assert caught_up(settings) == 1
    assert reads(tree, settings, monkeypatch) == [os.fsdecode(b"ses_\xff")]
    with opened(settings) as parts:
        assert parts.ingest.run(sweep=True).problems == 0


def test_a_clock_that_was_far_ahead_does_not_put_off_the_next_sweep(tree: JsonTree, settings: Settings) -> None:
    at_rest(tree, call(1))
    caught_up(settings)
    ledger = open_ledger(settings.state_dir, now_ns=time.time_ns(), backfill_from_ms=0)
    with ledger.transaction():
        ledger.note_sweep(ledger.swept_ms + 1_000 * DAY_MS)
    ledger.close()
    tree.put(replace(call(1), tokens=Tokens(input=100)))
    then = time.time() - 50
    os.utime(tree.path(call(1)), (then, then))
    caught_up(settings)
    assert input_tokens(settings) == 100
    # The sweep is noted as of now: else each summary would sweep until the time that the clock once showed.
    with opened(settings) as parts:
        assert abs(parts.ledger.swept_ms - time.time() * 1000) < DAY_MS


@pytest.mark.parametrize(
    ("kind", "swept"), [(ProblemKind.UNKNOWN_SCHEMA, True), (ProblemKind.MALFORMED, False), (None, False)]
)
def test_a_store_with_unknown_tables_is_tried_each_time(
    kind: ProblemKind | None, swept: bool, tree: JsonTree, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This version may know them, and the one before did not. Without such a store there is a sweep each day."""
    at_rest(tree, call(1))
    caught_up(settings)
    if kind is not None:
        with opened(settings) as parts, parts.ledger.transaction():
            parts.ledger.problems.note([Problem(kind, "/elsewhere/opencode.db#turn")], now_ms=1)
    sweeps: list[bool] = []

    def noted(ingest: Ingest, *, sweep: bool, **more: Any) -> Pass:
        sweeps.append(sweep)
        return run_settled(ingest, sweep=sweep, **more)

    monkeypatch.setattr(catching_up, "run_settled", noted)
    caught_up(settings)
    assert sweeps == [swept]


def test_catching_up_reports_its_progress(tree: JsonTree, settings: Settings) -> None:
    tree.put_turn(*(call(number) for number in range(1, 6)))
    reported: list[tuple[int, int, int, bool]] = []

    def note(read: Pass) -> None:
        reported.append((read.messages, read.looked_at, read.found, read.done))

    catch_up(settings, on_progress=note)
    # The first time inside the transaction: what is not written yet is not counted.
    assert reported == [(0, 5, 5, False), (5, 5, 5, False), (5, 5, 5, True)]


def test_catching_up_does_not_wait_for_the_process_that_holds_the_ledger(settings: Settings) -> None:
    hold = Hold(settings.state_dir)
    try:
        with pytest.raises(LedgerHeld):
            catch_up(settings)
    finally:
        hold.release()


def damage_messages(path: Path) -> None:
    """Overwrite the first page of the messages. All that a hurried start looks at stays as it is."""
    with closing(sqlite3.connect(path)) as database:
        page = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message'").fetchone()[0]
        size = database.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(content)


def test_a_damaged_ledger_is_kept_aside_and_counted_again(tree: JsonTree, settings: Settings) -> None:
    tree.put_turn(*(call(number) for number in range(1, 400)))
    caught_up(settings)
    damage_messages(ledger_path(settings.state_dir))
    tree.put_turn(call(500))
    catch_up(settings)
    assert list(settings.state_dir.glob("ledger.db.damaged-*"))
    with open_to_read(settings.state_dir) as ledger:
        assert ledger is not None
        assert ledger.usage(Scope()).messages == 400

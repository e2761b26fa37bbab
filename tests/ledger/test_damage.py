"""A damaged ledger is kept aside to the byte, the log says so, and everything is counted again."""

from __future__ import annotations

import random
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.errors import LedgerDamaged, LedgerError
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.queries import open_to_read
from otel_agent.model import Tokens
from tests.support.agent import Agent, Run
from tests.support.exported import Exported
from tests.support.ledger_files import assert_exact, leave_a_wal, write_messages
from tests.support.otlp_receiver import OtlpReceiver, hang
from tests.support.records import START_NS, call, enter, tokens

MESSAGES = 40
Damage = Callable[[Path], None]


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(10_000))


def cut_short(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def cut_in_the_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def zeros_in_the_middle(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 2 // 4096 * 4096
    whole[middle : middle + 8192] = bytes(8192)
    path.write_bytes(whole)


def all_zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE bookmark (url TEXT)")


def another_program_was_killed(path: Path) -> None:
    another_program(path)
    leave_a_wal(path, "CREATE TABLE visit (url TEXT)")


def a_page_lost_beside_a_wal(path: Path) -> None:
    leave_a_wal(path, "INSERT INTO checkpoint VALUES ('elsewhere', x'00')")
    zeros_in_the_middle(path)


DAMAGES: list[Damage] = [
    *(garbage, cut_short, cut_in_the_header, zeros_in_the_middle, all_zeros),
    *(another_program, another_program_was_killed, a_page_lost_beside_a_wal),
]


def kept_aside(state_dir: Path) -> dict[str, bytes]:
    """Ending to content of the one ledger that was moved away; empty files and the WAL's index left out."""
    aside = sorted(state_dir.glob("ledger.db.damaged-*"))
    stem = aside[0].name
    assert all(path.name.startswith(stem) for path in aside)
    found = {path.name.removeprefix(stem): path.read_bytes() for path in aside if not path.name.endswith("-shm")}
    return {ending: content for ending, content in found.items() if content}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_ledger_is_kept_aside_and_everything_counts_again(
    agent: Agent, receiver: OtlpReceiver, damage: Damage
) -> None:
    write_messages(agent, MESSAGES)
    agent.once()
    path = agent.state_dir / "ledger.db"
    damage(path)
    as_found = {path.name.removeprefix("ledger.db"): path.read_bytes() for path in agent.state_dir.glob("ledger.db*")}
    assert ("-wal" in as_found) is (damage in (another_program_was_killed, a_page_lost_beside_a_wal))
    run = agent.once()
    assert kept_aside(agent.state_dir) == as_found
    assert_reported_once(run, agent.state_dir)
    assert_totals_go_on(receiver)
    write_messages(agent, 1, MESSAGES)
    agent.once()
    assert_exact(receiver, MESSAGES + 1)
    assert Exported(receiver).never_fell()


def assert_reported_once(run: Run, state_dir: Path) -> None:
    (line,) = [line for line in run.stderr.splitlines() if " ERROR " in line]
    assert min(state_dir.glob("ledger.db.damaged-*")).name in line
    assert "counting again from what OpenCode has on disk" in line


def assert_totals_go_on(receiver: OtlpReceiver) -> None:
    """The whole history is counted once more, under the same instance and with the same start times."""
    assert_exact(receiver, MESSAGES)
    assert all(len(starts) == 1 for starts in Exported(receiver).starts().values())
    assert len({point.resource["service.instance.id"] for point in receiver.points()}) == 1
    assert Exported(receiver).never_fell()


@pytest.mark.parametrize("part", ["header", "frames", "all"])
def test_what_a_damaged_wal_held_is_read_again(agent: Agent, receiver: OtlpReceiver, part: str) -> None:
    """The transactions in it are lost, each of them whole, and read again."""
    write_messages(agent, MESSAGES)
    agent.once()
    write_messages(agent, MESSAGES, MESSAGES)
    receiver.behave(hang(), signal="traces")
    with agent.process("run", "--once") as run:
        receiver.wait_for(lambda r: r.requests[-1].behaviour == "hang", 30)
        run.stop(signal.SIGKILL)
    wal = agent.state_dir / "ledger.db-wal"
    whole = wal.read_bytes()
    start, end = {"header": (0, 32), "frames": (32, len(whole)), "all": (0, len(whole))}[part]
    wal.write_bytes(whole[:start] + random.Random(2).randbytes(end - start) + whole[end:])
    agent.once()
    assert not list(agent.state_dir.glob("*damaged*"))
    assert_exact(receiver, 2 * MESSAGES)
    assert {len(starts) for starts in Exported(receiver).starts().values()} == {1}


def test_a_ledger_that_lost_any_page_opens_whole_or_as_a_new_one(tmp_path: Path) -> None:
    """Theorem: whichever page is zeroed, opening the ledger either finds it whole or begins a new one."""
    ledger = open_ledger(tmp_path / "whole", now_ns=START_NS, backfill_from_ms=0)
    enter(ledger, *(call(number) for number in range(60)))
    expected = tokens(ledger)
    ledger.close()
    whole = (tmp_path / "whole" / "ledger.db").read_bytes()
    new_ledgers = 0
    for number, at in enumerate(range(0, len(whole), 4096)):
        state_dir = tmp_path / str(number)
        state_dir.mkdir()
        (state_dir / "ledger.db").write_bytes(whole[:at] + bytes(4096) + whole[at + 4096 :])
        ledger = open_ledger(state_dir, now_ns=START_NS, backfill_from_ms=0)
        is_new = bool(list(state_dir.glob("*damaged*")))
        assert tokens(ledger) == (Tokens() if is_new else expected)
        new_ledgers += is_new
        ledger.close()
    assert new_ledgers >= len(whole) // 4096 - 1


def test_a_lock_by_another_program_is_no_damage(tmp_path: Path) -> None:
    """A ledger that another program keeps locked is left where it is."""
    ledger = open_ledger(tmp_path, now_ns=START_NS, backfill_from_ms=0)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ledger._database.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(LedgerError, match="database is locked") as locked, ledger.transaction():
            pass
        assert not isinstance(locked.value, LedgerDamaged)
    enter(ledger, call(0))
    ledger.close()


@pytest.mark.parametrize("damage", [garbage, cut_short, all_zeros])
def test_a_reader_reports_damage_and_moves_nothing(tmp_path: Path, damage: Damage) -> None:
    ledger = open_ledger(tmp_path, now_ns=START_NS, backfill_from_ms=0)
    enter(ledger, *(call(number) for number in range(60)))
    ledger.close()
    path = tmp_path / "ledger.db"
    damage(path)
    before = path.read_bytes()
    with pytest.raises(LedgerDamaged, match="cannot read the ledger"):
        open_to_read(tmp_path).__enter__()
    assert path.read_bytes() == before

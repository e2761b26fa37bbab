"""What is kept in mind while turns of 2.x are found changes no answer: each row alone has the turn that it has in order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.model import Session
from otel_agent.opencode.sqlite.connection import Connection, connect
from otel_agent.opencode.sqlite.known_tables import Tables, probe
from otel_agent.opencode.sqlite.row_order import Place
from otel_agent.opencode.sqlite.turns import TurnFinder
from tests.support.made_stores import T0, DatabaseV2, session
from tests.support.made_stores.rows_of_2_x import Rows, S

KINDS = ("user", "synthetic", "assistant", "assistant", "assistant", "compaction", "idle", "idle")
OF = session(T0, counter=1, version="2.0.26")


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return Rows(DatabaseV2(tmp_path / "opencode.db").create(), OF)


@pytest.fixture
def opened(rows: Rows) -> Iterator[Connection]:
    with closing(connect(rows.database.path)) as connection:
        yield connection


def known(database: Connection) -> tuple[Tables, Session]:
    (tables,), _ = probe(database, "here")
    return tables, Session(OF.id, version="2.0.26", created_ms=T0)


def places(database: Connection) -> list[Place]:
    found = database.execute("SELECT id, seq, time_created, type FROM session_message ORDER BY seq").fetchall()
    return [Place(id_.decode(), seq, created, kind.decode()) for id_, seq, created, kind in found]


@pytest.mark.parametrize("seed", range(25))
def test_what_was_found_before_changes_no_answer(rows: Rows, opened: Connection, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(chance.randrange(5, 60)):
        rows.put(chance.choice(KINDS), T0 + number * S, {"finish": chance.choice(("stop", "tool-calls"))})
    tables, of = known(opened)
    in_order = TurnFinder(opened, tables)
    for place in places(opened):
        alone = TurnFinder(opened, tables)
        if place.kind == "idle":
            assert in_order.ended_by(of, place) == alone.ended_by(of, place)
        elif place.kind in ("assistant", "compaction"):
            assert in_order.turn(of, place) == alone.turn(of, place)


def test_a_turn_of_a_compaction_alone_ends_with_it(rows: Rows, opened: Connection) -> None:
    rows.prompt(T0)
    answer = rows.answer(T0 + S)
    rows.idle(T0 + 3 * S)
    prompt = rows.prompt(T0 + 4 * S)
    compaction = rows.compaction(T0 + 5 * S)
    rows.idle(T0 + 7 * S)
    tables, of = known(opened)
    finder, (_, answered, _, _, _, idle) = TurnFinder(opened, tables), places(opened)
    assert answered.id == answer
    finder.turn(of, answered)
    assert finder.ended_by(of, idle) == (prompt, compaction)

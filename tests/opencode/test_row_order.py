"""The order of rows of 2.x: the answers are the same whether a session is asked about seldom or read as a whole."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from otel_agent.opencode.sqlite.connection import Connection, connect
from otel_agent.opencode.sqlite.row_order import END, START, Place, RowOrder
from tests.support.made_stores import T0, DatabaseV2, session
from tests.support.made_stores.database import SCHEMAS
from tests.support.made_stores.ids import message_id

KINDS: Final = ("user", "assistant", "idle", "compaction", "synthetic")
ROWS: Final = 40
SESSION: Final = session(T0, counter=1)
INSERT: Final = "INSERT INTO session_message (id, session_id, type, seq, time_created, time_updated, data) VALUES (?, ?, ?, ?, ?, 0, '{}')"


def made_rows() -> list[Place]:
    """The rows of the session. Some numbers are missing, as after a revert."""
    chance = random.Random(7)
    numbers = sorted(chance.sample(range(3 * ROWS), ROWS))
    return [Place(message_id(T0 + seq), seq, T0 + 10 * seq, chance.choice(KINDS)) for seq in numbers]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Connection]:
    store = DatabaseV2(tmp_path / "opencode.db").create()
    other = session(T0, counter=2)
    with store.connection() as connection:
        for statement in (SCHEMAS / "schema-2.sql").read_text().split(";"):
            if "INDEX session_message" in statement:
                connection.execute(statement)
        for of in (SESSION, other):
            store.put_through(connection, of.project, of)
        rows = [(row.id, SESSION.id, row.kind, row.seq, row.created_ms) for row in made_rows()]
        strangers = [(f"msg_other{n}", other.id, KINDS[n % 5], n, T0) for n in range(3 * ROWS)]
        connection.executemany(INSERT, random.Random(8).sample(rows + strangers, 4 * ROWS))
    with closing(connect(store.path)) as opened:
        yield opened


def right(kind: str, low: int, high: int, *, newest: bool) -> Place | None:
    found = [row for row in made_rows() if row.kind == kind and low < row.seq < high]
    return found[-1 if newest else 0] if found else None


def questions(number: int) -> Iterator[tuple[str, int, int, bool]]:
    chance = random.Random(9)
    for _ in range(number):
        low, high = chance.choice((START, chance.randrange(3 * ROWS))), chance.choice((END, chance.randrange(3 * ROWS)))
        yield chance.choice(KINDS), low, high, chance.random() < 0.5


def queries_of(database: Connection) -> list[str]:
    asked: list[str] = []
    database.set_trace_callback(asked.append)
    return asked


def test_a_session_answers_alike_before_and_after_it_is_read_as_a_whole(database: Connection) -> None:
    order = RowOrder(database, "session_message")
    for kind, low, high, newest in questions(400):
        assert order.find(kind, SESSION.id, low, high, newest=newest) == right(kind, low, high, newest=newest)


def test_a_session_about_which_much_is_asked_is_read_once(database: Connection) -> None:
    order, asked = RowOrder(database, "session_message"), queries_of(database)
    for kind, low, high, newest in questions(400):
        order.find(kind, SESSION.id, low, high, newest=newest)
    assert len(asked) < 30


def test_a_long_session_is_not_read_for_a_few_questions(database: Connection) -> None:
    """A message that comes to a session of 5,000 rows must not cost a walk over all of them: a message has ten questions."""
    order, asked = RowOrder(database, "session_message"), queries_of(database)
    for _ in range(10):
        order.find("idle", SESSION.id, START, END)
    reads = [query for query in asked if "typeof" in query]
    assert [query.rpartition(" ")[2] for query in reads] == ["33", "33"]


def test_what_was_read_as_a_whole_is_forgotten_with_the_transaction(database: Connection, tmp_path: Path) -> None:
    order = RowOrder(database, "session_message")
    for kind, low, high, newest in questions(100):
        order.find(kind, SESSION.id, low, high, newest=newest)
    with DatabaseV2(tmp_path / "opencode.db").connection() as connection:
        connection.execute(INSERT, ("msg_new", SESSION.id, "idle", 4 * ROWS, T0 + 5))
    order.forget()
    assert order.find("idle", SESSION.id, 3 * ROWS, END) == Place("msg_new", 4 * ROWS, T0 + 5, "idle")

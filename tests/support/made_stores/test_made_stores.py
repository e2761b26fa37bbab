"""A builder that drifts from the real thing tests nothing: made records against those OpenCode itself wrote."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.made_stores import (
    T0,
    Database,
    JsonTree,
    Tokens,
    fork_copy,
    message,
    message_id,
    prompt,
    session,
    session_id,
    step_finish,
    step_start,
)
from tests.support.paths import STORES

TREE = STORES / "json-1.1.27" / "opencode" / "storage"
DATABASES = {
    "1.2.6": STORES / "migrated-1.1.27-1.2.6" / "opencode" / "opencode.db",
    "1.18.33": STORES / "sqlite-1.18.33-fork" / "opencode" / "opencode.db",
}
STAMPS = 2**36
"""Ids repeat after this many milliseconds."""


def real(kind: str) -> Iterator[dict[str, Any]]:
    for path in sorted((TREE / kind).rglob("*.json")):
        yield json.loads(path.read_text())


def minted(of: str) -> int:
    return int(of[4:16], 16) >> 12


@pytest.fixture
def tree(tmp_path: Path) -> JsonTree:
    return JsonTree(tmp_path)


def test_message_ids_carry_their_time_as_real_ones_do() -> None:
    for written in real("message"):
        created = written["time"]["created"]
        made = message_id(created)
        assert len(made) == len(written["id"])
        assert minted(made) == created % STAMPS
        assert 0 <= (minted(made) - minted(written["id"])) % STAMPS <= 15, "real ids are minted just before"


def test_session_ids_descend_as_real_ones_do() -> None:
    for written in real("session"):
        made = session_id(written["time"]["created"])
        assert abs(minted(made) - minted(written["id"])) <= 15
        assert len(made) == len(written["id"])
    assert session_id(T0 + 1) < session_id(T0) < session_id(T0 - 1)


def test_ids_are_the_same_each_time_and_differ_by_counter() -> None:
    assert message_id(T0) == message_id(T0)
    assert len({message_id(T0, counter) for counter in range(4096)}) == 4096
    assert len({message_id(T0 + later) for later in range(100)}) == 100


@pytest.mark.parametrize("kind", ["message", "session", "project", "part"])
def test_files_lie_where_real_ones_do_and_hold_the_same_fields(tree: JsonTree, kind: str) -> None:
    whole = message(session(), Tokens(1200, 80))
    tree.put_turn(whole)
    tree.put(prompt(session()), step_start(whole), step_finish(whole, Tokens(1200, 80)))
    made = sorted((tree.data_dir / "storage" / kind).rglob("*.json"))
    assert {len(path.relative_to(tree.data_dir / "storage").parts) for path in made} == {
        len(path.relative_to(TREE).parts) for path in (TREE / kind).rglob("*.json")
    }
    real_shapes = [frozenset(written) for written in real(kind)]
    for path in made:
        fields = frozenset(json.loads(path.read_text()))
        assert any(fields <= shape for shape in real_shapes), f"no real {kind} has all of {sorted(fields)}"


@pytest.mark.parametrize("release", list(DATABASES))
def test_databases_have_the_columns_of_real_ones(tmp_path: Path, release: str) -> None:
    made = Database(tmp_path / "opencode.db", release).create()
    with closing(sqlite3.connect(f"file:{DATABASES[release]}?mode=ro&immutable=1", uri=True)) as theirs:
        for table in ("project", "session", "message", "part"):
            wanted = theirs.execute(f"SELECT name, type, \"notnull\", pk FROM pragma_table_info('{table}')").fetchall()
            with made.connection() as ours:
                found = ours.execute(f"SELECT name, type, \"notnull\", pk FROM pragma_table_info('{table}')").fetchall()
            assert found == wanted


def test_rows_hold_what_files_hold_but_for_the_ids(tmp_path: Path) -> None:
    whole = message(session(), Tokens(1200, 80))
    made = Database(tmp_path / "opencode.db").create()
    made.put_turn(whole)
    with made.connection() as connection:
        ((data,),) = connection.execute("SELECT data FROM message")
    assert json.loads(data) | {"id": whole.id, "sessionID": whole.session.id} == whole.document()


def test_a_rewritten_row_keeps_its_rowid(tmp_path: Path) -> None:
    first, second = message(session(), Tokens(1)), message(session(), Tokens(2), T0 + 1000)
    made = Database(tmp_path / "opencode.db").create()
    for each in (first, second, first):
        made.put_turn(each)
    with made.connection() as connection:
        assert connection.execute("SELECT rowid FROM message WHERE id = ?", (first.id,)).fetchone() == (1,)


def test_a_copy_differs_from_its_original_as_a_real_fork_does() -> None:
    """The real fork's copy: another id, minted about a minute late, another session, all else equal."""
    with closing(sqlite3.connect(f"file:{DATABASES['1.18.33']}?mode=ro&immutable=1", uri=True)) as theirs:
        rows = theirs.execute("SELECT id, session_id, time_created, data FROM message").fetchall()
    late = [row for row in rows if (minted(row[0]) - row[2]) % STAMPS in range(2001, STAMPS // 2)]
    assert late, "the real store holds a fork"
    original = message(session(), Tokens(1200, 80))
    copy = fork_copy(original, session(T0 + 60_000), T0 + 60_020)
    assert (minted(copy.id) - copy.created) % STAMPS > 2000
    same = ("role", "time", "modelID", "providerID", "cost", "tokens")
    assert [copy.document()[key] for key in same] == [original.document()[key] for key in same]

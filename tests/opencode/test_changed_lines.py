"""If a reading is broken off, what sessions say of changed lines is not lost. A slow disk does not look like a dead one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_agent.model import Batch, CallsWanted, Lines, ProblemKind, ReadScope, Store
from otel_agent.opencode.json_tree import sessions as sessions_module
from otel_agent.opencode.json_tree.layout import FlatLayout
from otel_agent.opencode.json_tree.tree import JsonTree as TreeReader
from otel_agent.opencode.sqlite.database import Database as DatabaseReader
from tests.support.made_stores import T0, Database, JsonTree, Session, Tokens, message, session
from tests.support.made_stores.json_tree import as_file


def read(reader: Store, left: dict[str, bytes], *, sweep: bool = True) -> Iterator[Batch]:
    """Yield what a reading finds that goes on from what is left."""
    now_ms = time.time_ns() // 1_000_000
    for batch in reader.read(left.get, lambda _: CallsWanted(), now_ms=now_ms, scope=ReadScope(sweep=sweep)):
        left.update((each.place, each.state) for each in batch.checkpoints)
        yield batch


@pytest.fixture
def tree(tmp_path: Path) -> JsonTree:
    """A tree of one session, which is at rest."""
    made = JsonTree(tmp_path / "opencode")
    call = message(session(T0 - 500), Tokens(10), T0)
    made.put_turn(call)
    for path in (made.path(call), made.path(call).parent):
        age(path)
    return made


def age(path: Path) -> None:
    """Let a file or a folder be an hour old."""
    hour_ago = time.time() - 3_600
    os.utime(path, (hour_ago, hour_ago))


def say(tree: JsonTree, of: Session, added: int, removed: int) -> None:
    """Let the file of a session say so. It is an hour old."""
    age(tree.put_bytes(of, as_file(of.document() | {"summary": {"additions": added, "deletions": removed}})))


def test_a_tree_that_was_closed_says_its_lines_again(tree: JsonTree) -> None:
    """It is closed if what it found could not be written down. A bad number in a late file is named."""
    reader, left = TreeReader(FlatLayout(tree.data_dir / "storage")), dict[str, bytes]()
    list(read(reader, left))
    say(tree, session(T0 - 500), 12, -1)
    for _ in range(2):
        found = list(read(reader, left))
        assert [each for batch in found for each in batch.lines] == [Lines(session(T0 - 500).id, "", 12, 0)]
        kinds = {each.kind for batch in found for each in batch.problems}
        assert kinds == {ProblemKind.BAD_NUMBER}
        reader.close()


def test_a_long_look_at_session_files_gives_a_sign_of_life(tree: JsonTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_module, "_FILES", 2)
    for number in range(5):
        say(tree, session(T0 + number * 60_000, counter=number + 2), 10, number)
    reader, left = TreeReader(FlatLayout(tree.data_dir / "storage")), dict[str, bytes]()
    list(read(reader, left))
    found = [[each.removed for each in batch.lines] for batch in read(reader, left)]
    assert len(found) >= 3
    assert max(len(each) for each in found) <= 2
    assert sorted(removed for each in found for removed in each) == [0, 1, 2, 3, 4]
    silent = list(read(reader, left))
    assert len(silent) >= 3, "nothing was written, and it says so"


def test_a_database_that_is_broken_off_says_its_lines_again(tmp_path: Path) -> None:
    database = Database(tmp_path / "opencode.db").create()
    of = session(T0 - 500, version="1.18.33")
    database.put_turn(message(of, Tokens(10), T0))
    database.execute("UPDATE session SET summary_additions = 4, summary_deletions = 1")
    reader, left = DatabaseReader(tmp_path / "opencode.db"), dict[str, bytes]()
    for _ in range(2):
        batches = read(reader, left, sweep=False)
        assert next(batch.lines for batch in batches if batch.lines) == [Lines(of.id, "", 4, 1)]
        batches.close()  # type: ignore[attr-defined]  # it is a generator
    reader.close()

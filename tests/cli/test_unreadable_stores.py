"""A store that gave messages and cannot be read now: whoever looks at a number is told that it lacks what is new there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.made_stores import Database, JsonTree, Tokens, message, session
from tests.support.shell import Shell


@pytest.fixture
def counted(tmp_path: Path) -> Shell:
    """Two messages of a database and one of a tree are counted."""
    shell = Shell(tmp_path)
    Database(shell.data_dir / "opencode.db").create().put_turn(
        message(session(), Tokens(input=40)), message(session(), Tokens(input=2), counter=2)
    )
    JsonTree(shell.data_dir).put_turn(message(session(counter=5), Tokens(input=7), counter=5))
    assert shell.output("statusline", "--format", "{all.tokens}") == "0 (history not read yet)\n"
    shell.output("summary")
    assert shell.output("statusline", "--format", "{all.tokens}{unreadable}") == "49\n"
    return shell


def spoil(shell: Shell) -> bytes:
    """Damage the database, and let a summary notice it; return what it was."""
    path = shell.data_dir / "opencode.db"
    sound = path.read_bytes()
    path.write_bytes(b"this is not a database, whatever its name says\n" * 99)
    shell.output("summary")
    return sound


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{all.tokens}", "49 (! 1 store unreadable)"),
        ("{unreadable} {all.tokens}", "! 1 store unreadable 49"),
        ("{all.tokens} {unreadable:exact}", "49 1"),
    ],
)
def test_a_status_line_says_that_a_damaged_store_is_missing(counted: Shell, template: str, shown: str) -> None:
    spoil(counted)
    assert counted.output("statusline", "--format", template) == f"{shown}\n"


def test_a_status_line_says_nothing_of_it_once_the_store_is_read_again(counted: Shell) -> None:
    sound = spoil(counted)
    (counted.data_dir / "opencode.db").write_bytes(sound)
    counted.output("summary")
    assert counted.output("statusline", "--format", "{all.tokens} {unreadable:exact}") == "49 0\n"


def test_a_status_line_says_nothing_of_a_file_that_never_was_a_store(counted: Shell) -> None:
    (counted.data_dir / "opencode-notes.db").write_text("not a database")
    counted.output("summary")
    assert counted.output("statusline", "--format", "{all.tokens}") == "49\n"


def test_a_status_line_says_that_a_locked_store_is_missing(counted: Shell) -> None:
    with closing(sqlite3.connect(counted.data_dir / "opencode.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("CREATE TABLE other (id INTEGER)")
        counted.output("summary")
        assert counted.output("statusline", "--format", "{all.tokens}") == "49 (! 1 store unreadable)\n"

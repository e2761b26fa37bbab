"""A migration that is killed at any moment leaves the older ledger or the current one, and the next start ends it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.ledger import files, kept_sums, schema
from tests.support.ledger_files import WINDOWS
from tests.support.paths import ROOT

EVERY = {"1-used": 1, "2": 25, "3": 25, "4": 25, "5": 25, "6": 25, "7": 25, "8": 8}
"""Each statement of the smallest ledger, and some of the others."""

Content = tuple[int, list[str]]
"""Version and dump."""


def content(path: Path) -> Content:
    """Look as any reader of SQLite does: what a killed process left halfway is undone first."""
    with closing(sqlite3.connect(path)) as database:
        return schema.version(database), list(database.iterdump())


@pytest.fixture
def olders(tmp_path: Path) -> dict[str, Path]:
    """The ledgers of all older versions, each in a folder of its own."""
    found = {name: tmp_path / name / "older.db" for name in EVERY}
    for name, path in found.items():
        path.parent.mkdir()
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            script = (Path(__file__).parent / f"ledger-{name}.sql").read_text()
            database.executescript(f"BEGIN; {script}; COMMIT")
    return found


@pytest.mark.skipif(WINDOWS, reason="it forks")
def test_a_migration_that_is_killed_at_any_moment_changes_nothing_or_everything(olders: dict[str, Path]) -> None:
    arguments = [f"{path}:{EVERY[name]}" for name, path in olders.items()]
    subprocess.run([sys.executable, "-m", "tests.ledger.killed_migrations", *arguments], cwd=ROOT, check=True)
    for name, older in olders.items():
        before = content(older)
        files.open_writable(older).close()
        after = content(older)
        assert (before[0], after[0]) == (int(name[0]), schema.VERSION)
        killed = [folder / "ledger.db" for folder in older.parent.iterdir() if folder.is_dir()]
        assert len(killed) >= 3
        for ledger in killed:
            assert content(ledger) in (before, after), f"{name}: {ledger.parent.name}"
            with closing(files.open_writable(ledger)) as database:
                assert kept_sums.differing(database) == {}
            assert content(ledger) == after, f"{name}: {ledger.parent.name}"

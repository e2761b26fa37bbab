"""The machine on which the simulated programs run: its clock, its data folder, and who looks after each commit."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.made_stores import ids
from tests.support.made_stores.simulated.truth import Truth

START_MS = 1_795_602_000_000
SCHEMAS = Path(__file__).parent.parent


class World:
    """Time passes with every ``tick``. ``after_commit`` is called when a program has committed a transaction."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.truth, self.now = folder, Truth(), START_MS
        self.after_commit: Callable[[], object] = lambda: None
        self.programs: list[Program] = []
        self._minted = 0

    def tick(self, ms: int = 1_000) -> int:
        self.now += ms
        return self.now

    def message_id(self) -> str:
        self._minted += 1
        return ids.message_id(self.now, self._minted % 4096)

    def part_id(self) -> str:
        self._minted += 1
        return ids.part_id(self.now, self._minted % 4096)

    def session_id(self) -> str:
        self._minted += 1
        return ids.session_id(self.now, self._minted % 4096)

    def close(self) -> None:
        for program in self.programs:
            program.close()


class Program:
    """A program with one database, to which it keeps its connection, as OpenCode does."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.truth, self.name = world, world.truth, name
        world.folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(world.folder / name, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug of a test
        world.programs.append(self)

    def close(self) -> None:
        self._database.close()

    def never_checkpoint(self) -> None:
        """Leave everything that is written from now on in the write-ahead log."""
        self._database.execute("PRAGMA wal_autocheckpoint = 0")

    @contextmanager
    def commit(self) -> Iterator[None]:
        """One transaction. Whoever looks sees all of it or nothing."""
        self._database.execute("BEGIN IMMEDIATE")
        yield
        self._database.execute("COMMIT")
        self.world.after_commit()

    def tables(self) -> set[str]:
        return {row[0] for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def run(self, sql: str, *parameters: Any) -> None:
        self._database.execute(sql, parameters)

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self._database.execute(sql, parameters).fetchall()

    def insert(self, table: str, **columns: Any) -> None:
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self.run(f"INSERT INTO {table} ({names}) VALUES ({marks})", *columns.values())

    def has(self, table: str, id_: str) -> bool:
        return bool(self.rows(f"SELECT 1 FROM {table} WHERE id = ?", id_))

    def project(self) -> str:
        """Return the id of the one project, which is there after the first call."""
        id_ = "9d4275a8a2f4a5eb6701f428dcfcd5bce876ea65"
        if not self.has("project", id_):
            times = {"time_created": self.world.now, "time_updated": self.world.now}
            self.insert("project", id=id_, worktree="/home/dev/shop", sandboxes="[]", **times)
        return id_


def compact(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))

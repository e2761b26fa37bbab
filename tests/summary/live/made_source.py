"""A machine for the live screen, whose ledger changes only when a test says so, and what the screen then shows."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from otel_agent.errors import LedgerError
from otel_agent.intake.catch_up import catch_up
from otel_agent.ledger.migration_progress import OnMigration
from otel_agent.model import ProcessMode, ProcessSample
from otel_agent.settings import Settings
from otel_agent.summary.live.app import Live
from otel_agent.summary.live.row_list import RowList
from otel_agent.summary.machine import Machine
from otel_agent.summary.question import Question
from otel_agent.summary.session_detail import SessionDetail
from otel_agent.summary.view import Process, View, ViewName
from tests.summary.live.driving import asking, lines
from tests.summary.made_machine import MadeMachine, with_processes
from tests.support.made_stores import T0, Tokens, message, session

NOW = datetime.fromtimestamp(T0 / 1000, UTC) + timedelta(minutes=5)


ASK = asking(lambda: NOW)


class MadeSource:
    """A machine that updates its ledger only when a test asks for it, and runs the processes that it is given."""

    def __init__(self, machine: MadeMachine) -> None:
        self._settings = Settings(state_dir=machine.state_dir)
        self._real = Machine(self._settings, lambda: NOW)
        self.running: list[Process] = []
        self.trouble: LedgerError | None = None
        self.asked: list[ViewName] = []
        self.followed = 0
        self.before: Callable[[ViewName], None] = lambda _: None
        self.caught_up()

    def view(self, name: ViewName, question: Question) -> View:
        self.asked.append(name)
        self.before(name)
        if self.trouble is not None:
            raise self.trouble
        found = self._real.view(name, question)
        return with_processes(found, self.running) if found.activity else found

    def session(self, session_id: str) -> SessionDetail:
        if self.trouble is not None:
            raise self.trouble
        return self._real.session(session_id)

    def processes(self) -> list[Process]:
        return self.running

    def mark(self) -> object:
        return self._real.mark()

    def changed(self) -> bool:
        return self._real.changed()

    def follow(
        self, until: threading.Event, on_error: Callable[[LedgerError], None], on_migration: OnMigration
    ) -> None:
        """Do nothing but count: the tests decide when the ledger changes."""
        self.followed += 1

    def caught_up(self) -> None:
        catch_up(self._settings)


def running(pid: int, directory: str) -> Process:
    """Return an OpenCode that has run for a minute."""
    sample = ProcessSample(
        pid=pid,
        created_s=NOW.timestamp() - 60,
        mode=ProcessMode.CLI,
        executable="opencode",
        directory=directory,
        cpu_s=1.0,
        rss_bytes=2**20,
        vms_bytes=2**20,
        threads=1,
        file_descriptors=1,
    )
    return Process(sample, 0.5)


def put(machine: MadeMachine, number: int, tokens: int, minutes: int = 0, **fields: Any) -> None:
    """Write a session of its own with one message, so many minutes before `T0`."""
    at = T0 - minutes * 60_000
    of_message = {key: fields.pop(key) for key in ("model", "provider", "agent") if key in fields}
    of = session(created=at, counter=number, **({"title": f"session {number}"} | fields))
    machine.tree.put_turn(message(of, Tokens(input=tokens), at=at, counter=number, completed=at + 1, **of_message))


def where(app: Live) -> str:
    return lines(app)[2].strip()


def total(app: Live) -> str:
    """Return the number of tokens in the line below the rows."""
    found = re.search(r"([\d,]+) tokens?", next(line for line in lines(app) if re.match(r" [\d,]+ (rows?|of)", line)))
    assert found is not None
    return found[1]


def keys_of(app: Live) -> list[str]:
    return app.query_one(RowList).keys

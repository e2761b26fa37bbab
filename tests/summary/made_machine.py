"""A ledger filled from a store, and what is answered from it at a moment of the test's choice."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from rich.console import Console, RenderableType

from otel_agent.intake.catch_up import catch_up
from otel_agent.ledger.queries import open_to_read
from otel_agent.settings import Settings
from otel_agent.summary.answer import answer
from otel_agent.summary.prices import Prices
from otel_agent.summary.question import Question, RangeName
from otel_agent.summary.ranges import named_range
from otel_agent.summary.view import Activity, Process, SessionRow, View, ViewName
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.paths import STORES

BERLIN = ZoneInfo("Europe/Berlin")


@dataclass(frozen=True, slots=True)
class MadeMachine:
    """Somebody's computer: OpenCode's data on it, and the ledger that was filled from it."""

    data_dir: Path
    state_dir: Path

    @property
    def tree(self) -> JsonTree:
        return JsonTree(self.data_dir)

    def has(self, store: str) -> None:
        """Give it the data of one of `tests/stores`."""
        shutil.copytree(STORES / store / "opencode", self.data_dir)

    def view(self, name: ViewName, range_: RangeName = "all", *, now: datetime | None = None, **asked: Any) -> View:
        """Answer a question with the fields `asked`, after bringing the ledger up to date."""
        catch_up(Settings(state_dir=self.state_dir))
        return self.answer(name, range_, now=now, **asked)

    def answer(
        self,
        name: ViewName,
        range_: RangeName = "all",
        *,
        now: datetime | None = None,
        prices: Prices | None = None,
        **asked: Any,
    ) -> View:
        """Answer from the ledger as it is."""
        at = now or datetime.now(UTC)
        question = Question(**({"range": named_range(range_, at)} | asked))
        with open_to_read(self.state_dir) as ledger:
            return answer(name, question, ledger, now=at, prices=prices)


def activity(view: View) -> Activity:
    """Return what an overview says about this moment; fail for another view."""
    assert view.activity is not None, f"{view.name} has no activity"
    return view.activity


def with_processes(view: View, processes: list[Process]) -> View:
    """Return the same overview with these processes running."""
    return replace(view, activity=replace(activity(view), processes=processes))


def session_rows_of(view: View) -> list[SessionRow]:
    """Return the rows of a view of sessions; fail if there is any other row."""
    rows = [row for row in view.rows if isinstance(row, SessionRow)]
    assert len(rows) == len(view.rows)
    return rows


def drawn(what: RenderableType, columns: int = 80) -> list[str]:
    """Return the lines that a terminal of that width would show, without the blanks at their ends."""
    screen = io.StringIO()
    Console(file=screen, width=columns, force_terminal=False, color_system=None).print(what)
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def put(tree: JsonTree, number: int, at: datetime, tokens: int = 1, **of: Any) -> None:
    """Write a session of its own with one message that ends at that moment."""
    ended = round(at.timestamp() * 1000)
    fields = {key: of.pop(key) for key in ("model", "provider", "agent", "cost") if key in of}
    conversation = session(created=ended - 90_000, counter=number, **of)
    tree.put_turn(
        message(conversation, Tokens(input=tokens), at=ended - 60_000, counter=number, completed=ended, **fields)
    )

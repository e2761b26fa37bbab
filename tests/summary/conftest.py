"""A ledger filled from a store, and what is answered from it at a moment of the test's choice."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from otel_agent.intake.catch_up import catch_up
from otel_agent.ledger.queries import open_to_read
from otel_agent.settings import Settings
from otel_agent.summary.answer import answer
from otel_agent.summary.question import Question, RangeName
from otel_agent.summary.ranges import named_range
from otel_agent.summary.view import Overview, Row, View, ViewName
from tests.support.made_stores import JsonTree
from tests.support.paths import STORES


@dataclass(frozen=True, slots=True)
class Machine:
    """Somebody's computer: OpenCode's data on it, and the ledger that was filled from it."""

    data_dir: Path
    state_dir: Path

    @property
    def tree(self) -> JsonTree:
        return JsonTree(self.data_dir)

    def has(self, store: str) -> None:
        """It has the data of one of `tests/stores`."""
        shutil.copytree(STORES / store / "opencode", self.data_dir)

    def view(
        self, name: ViewName, range_: RangeName = "all", *, now: datetime | None = None, **asked: Any
    ) -> View[Any]:
        """The answer to a question with the fields `asked`, after the ledger was brought up to date."""
        catch_up(Settings(state_dir=self.state_dir))
        return self.answer(name, range_, now=now, **asked)

    def answer(
        self, name: ViewName, range_: RangeName = "all", *, now: datetime | None = None, **asked: Any
    ) -> View[Any]:
        """The answer from the ledger as it is."""
        at = now or datetime.now(UTC)
        question = Question(**({"range": named_range(range_, at)} | asked))
        with open_to_read(self.state_dir) as ledger:
            return answer(name, question, ledger, now=at)

    def overview(self, range_: RangeName = "all", *, now: datetime | None = None, **asked: Any) -> Overview:
        found: View[Row] = self.view("overview", range_, now=now, **asked)
        assert isinstance(found, Overview)
        return found


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("OPENCODE_DB", raising=False)
    return Machine(tmp_path / "data" / "opencode", tmp_path / "state")


def drawn(what: RenderableType, columns: int = 80) -> list[str]:
    """The lines a terminal of that width would show, without the blanks at their ends."""
    screen = io.StringIO()
    Console(file=screen, width=columns, force_terminal=False, color_system=None).print(what)
    return [line.rstrip() for line in screen.getvalue().splitlines()]

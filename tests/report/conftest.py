"""A ledger filled from a store, and the overview of it at a moment of the test's choice."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from otel_agent import intake
from otel_agent.ledger.queries import open_to_read
from otel_agent.report.overview import Accounting, Overview, RangeName, overview
from otel_agent.settings import Settings
from tests.made_stores import JsonTree

STORES = Path(__file__).resolve().parent.parent / "stores"


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

    def overview(
        self, range_: RangeName = "all", accounting: Accounting = "recorded", now: datetime | None = None
    ) -> Overview:
        intake.catch_up(Settings(state_dir=self.state_dir))
        with open_to_read(self.state_dir) as ledger:
            return overview(ledger, range_, accounting, now or datetime.now(UTC))


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

"""A terminal that gets another size while an answer is laid out for the old one: the rows have the new one."""

from __future__ import annotations

import asyncio
import threading
from types import ModuleType

import pytest

from otel_agent.summary.live import ahead, answering, foreseeing
from otel_agent.summary.live.app import Live
from otel_agent.summary.live.listing import Listing
from otel_agent.summary.view import View, ViewName
from tests.summary.live.driving import Screen, drive, lines, settled
from tests.summary.live.made_source import ASK, MadeSource, put
from tests.summary.made_machine import MadeMachine

TITLE = "a title that is long " * 4


@pytest.fixture
def source(machine: MadeMachine) -> MadeSource:
    put(machine, 1, 1_234_567, title=TITLE)
    return MadeSource(machine)


class Held:
    """Holds a worker back that has laid the rows of a view out, until the terminal has its new size."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, where: ModuleType, view: ViewName) -> None:
        self._real, self._view = where.list_rows, view
        self.laid_out, self._may_go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(where, "list_rows", self._list_rows)

    def _list_rows(self, view: View, width: int, only: str = "") -> Listing:
        found: Listing = self._real(view, width, only)
        if view.name == self._view and threading.current_thread() is not threading.main_thread():
            self.laid_out.set()
            assert self._may_go_on.wait(120)
        return found

    async def resized(self, pilot: Screen, width: int) -> None:
        async with asyncio.timeout(120):
            while not self.laid_out.is_set():
                await pilot.pause(0.01)
        await pilot.resize_terminal(width, 30)
        await pilot.pause()
        self._may_go_on.set()


def assert_fits(app: Live, width: int) -> None:
    """The table has the names and numbers that it has room for in this width."""
    head, row = next(
        (above.strip("│ "), line.strip("│ "))
        for above, line in zip(lines(app), lines(app)[1:], strict=False)
        if line.strip("│ ").startswith("a title")
    )
    assert head.startswith("Session ")
    assert ("Messages" in head, "Tokens" in head) == (True, True)
    assert "1,234,567" in row
    assert ("Project" in head) == (width == 120), "there is no room for it on the narrow one"
    assert max(map(len, lines(app))) <= width


@pytest.mark.parametrize(("before", "after"), [(120, 60), (60, 120)])
def test_an_answer_that_was_laid_out_before_has_the_new_width(
    before: int, after: int, source: MadeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch, answering, "sessions")

    async def steps(pilot: Screen, app: Live) -> None:
        app.action_open("sessions")
        await held.resized(pilot, after)
        await settled(pilot, app)
        assert_fits(app, after)
        # The answer that is kept for the way back is laid out anew as well.
        await pilot.press("4", "2")
        await settled(pilot, app)
        assert_fits(app, after)

    drive(source, ASK, steps, size=(before, 30))


@pytest.mark.parametrize(("before", "after"), [(120, 60), (60, 120)])
def test_an_answer_that_was_asked_ahead_has_the_new_width(
    before: int, after: int, source: MadeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreseeing, "_AHEAD_SECONDS", 0.01)
    monkeypatch.setattr(foreseeing, "_TRIES", 100_000)  # until there is a first answer, on a busy machine too
    monkeypatch.setattr(ahead, "_MOST_SECONDS", 600.0)
    held = Held(monkeypatch, ahead, "sessions")

    async def steps(pilot: Screen, app: Live) -> None:
        await held.resized(pilot, after)
        async with asyncio.timeout(120):
            while "sessions" not in app._ahead:
                await pilot.pause(0.01)
        app.action_open("sessions")
        await pilot.pause()
        assert_fits(app, after)
        await settled(pilot, app)
        assert_fits(app, after)

    drive(source, ASK, steps, size=(before, 30))

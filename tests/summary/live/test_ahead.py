"""Answers to the slow tabs that are asked before anybody opens them."""

from __future__ import annotations

import asyncio

import pytest

from otel_agent.errors import LedgerError
from otel_agent.summary.live import ahead, foreseeing
from otel_agent.summary.live.ahead import Written, answers_ahead
from otel_agent.summary.live.app import Live
from otel_agent.summary.live.crumbs import Trail
from otel_agent.summary.live.row_list import RowList
from otel_agent.summary.view import ViewName
from tests.summary.live.driving import Screen, drive, press, seen, settled
from tests.summary.live.made_source import ASK, MadeSource, put
from tests.summary.made_machine import MadeMachine


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreseeing, "_AHEAD_SECONDS", 0.01)
    monkeypatch.setattr(foreseeing, "_TRIES", 100_000)  # until there is a first answer, on a busy machine too
    # On a busy machine no answer is quick.
    monkeypatch.setattr(ahead, "_MOST_SECONDS", 600.0)


async def asked_ahead(pilot: Screen, app: Live) -> None:
    async with asyncio.timeout(120):
        while len(app._ahead) < 2:
            await pilot.pause(0.01)


def test_a_slow_tab_is_there_before_its_answer_is_asked_again(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await asked_ahead(pilot, app)
        assert source.asked == ["overview", "sessions", "tools"]
        app.action_open("sessions")
        rows = app.query_one(RowList)
        assert rows.listing is not None
        assert len(rows.listing.rows) == 4
        assert (rows.listing.view.name, rows.loading) == ("sessions", False)
        await settled(pilot, app)
        assert source.asked == ["overview", "sessions", "tools", "sessions"]

    drive(source, ASK, steps)


def test_an_answer_is_forgotten_once_the_ledger_was_written(source: MadeSource, machine: MadeMachine) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await asked_ahead(pilot, app)
        put(machine, 9, 900)
        source.caught_up()
        app.action_open("sessions")
        assert app.query_one(RowList).loading
        await settled(pilot, app)
        assert "session 9" in "\n".join(await press(pilot, app))

    drive(source, ASK, steps)


def test_an_answer_for_another_range_is_not_shown(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await asked_ahead(pilot, app)
        await press(pilot, app, "t")
        app.action_open("sessions")
        assert app.query_one(RowList).loading
        await settled(pilot, app)

    drive(source, ASK, steps)


def failing(source: MadeSource, view: ViewName) -> None:
    """Let the question of a view fail."""

    def fails(name: ViewName) -> None:
        if name == view:
            raise LedgerError("the ledger is locked")

    source.before = fails


def found(source: MadeSource) -> list[ViewName]:
    """Return the views that have an answer ahead, asked without a screen."""
    return [each.listing.view.name for each in answers_ahead(source, ASK, Trail("overview"), 100)]


@pytest.mark.parametrize(("view", "answered"), [("sessions", []), ("tools", ["sessions"])])
def test_a_question_that_fails_ends_what_is_asked_ahead(
    view: ViewName, answered: list[ViewName], source: MadeSource
) -> None:
    source.view("overview", ASK("overview", None))
    failing(source, view)
    assert found(source) == answered


def test_a_tab_whose_question_failed_ahead_is_asked_when_it_is_opened(source: MadeSource) -> None:
    """The screen says nothing of the failure before: nobody wanted to know."""
    failing(source, "tools")

    async def steps(pilot: Screen, app: Live) -> None:
        async with asyncio.timeout(120):
            while "tools" not in source.asked or "sessions" not in app._ahead:
                await pilot.pause(0.01)
        await settled(pilot, app)
        assert list(app._ahead) == ["sessions"]
        assert "locked" not in seen(app)
        source.before = lambda _: None
        assert "Tools, 0 rows" in "\n".join(await press(pilot, app, "7"))

    drive(source, ASK, steps)


@pytest.mark.parametrize("fails", [False, True], ids=["answered", "failed"])
def test_what_was_written_meanwhile_makes_the_answer_old(fails: bool, source: MadeSource, machine: MadeMachine) -> None:
    """A ledger that is replaced makes a question fail, and is news."""
    source.view("overview", ASK("overview", None))

    def write(name: ViewName) -> None:
        source.before = lambda _: None
        put(machine, 9, 900)
        source.caught_up()
        if fails:
            raise LedgerError("the ledger is gone")

    source.before = write
    with pytest.raises(Written):
        found(source)


def test_news_from_before_are_asked_for_first(source: MadeSource, machine: MadeMachine) -> None:
    source.view("overview", ASK("overview", None))
    put(machine, 9, 900)
    source.caught_up()
    with pytest.raises(Written):
        found(source)
    assert source.asked == ["overview"]


def test_a_slow_answer_is_the_last_one_that_is_asked_ahead(source: MadeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    source.view("overview", ASK("overview", None))
    assert found(source) == ["sessions", "tools"]
    monkeypatch.setattr(ahead, "_MOST_SECONDS", 0.0)
    assert found(source) == ["sessions"]

"""Answers to the slow tabs that are asked before anybody opens them."""

from __future__ import annotations

import asyncio

import pytest

from otel_agent.summary.live import foreseeing
from otel_agent.summary.live.app import Live
from otel_agent.summary.live.row_list import RowList
from tests.summary.live.driving import Screen, drive, press, settled
from tests.summary.live.made_source import ASK, MadeSource, put
from tests.summary.made_machine import MadeMachine


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreseeing, "_AHEAD_SECONDS", 0.01)


async def asked_ahead(pilot: Screen, app: Live) -> None:
    async with asyncio.timeout(30):
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

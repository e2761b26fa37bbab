"""A person moves in the live screen as in other such programs: keys of vi, orders, and back to where they were."""

from __future__ import annotations

import re

import pytest

from otel_agent.summary.live.app import Live
from otel_agent.summary.live.boxes import Box
from otel_agent.summary.live.row_list import RowList
from otel_agent.summary.view import VIEW_NAMES
from tests.summary.live.driving import Screen, drive, lines, press, seen, settled
from tests.summary.live.made_source import ASK, MadeSource, keys_of, put, where
from tests.summary.made_machine import MadeMachine


@pytest.fixture
def source(machine: MadeMachine) -> MadeSource:
    """Four sessions; the first has most tokens, the last is the latest."""
    for number in range(1, 5):
        put(machine, number, 5_000 - number, 50 - number * 10, model="m" if number < 4 else "n")
    return MadeSource(machine)


def cursor(app: Live) -> str:
    return app.query_one(RowList).key


def head(app: Live) -> str:
    return next(line for line in lines(app) if "Messages" in line)


def test_the_keys_of_vi_move(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        keys = (await press(pilot, app, "2"), keys_of(app))[1]
        for pressed, row in (("j", 1), ("j", 2), ("k", 1), ("G", 3), ("g", 0)):
            await press(pilot, app, pressed)
            assert cursor(app) == keys[row], pressed

    drive(source, ASK, steps)


def test_s_sorts_by_the_next_column_and_the_head_says_so(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2")
        assert "▾" not in head(app)
        latest_first = keys_of(app)
        seen_heads = []
        for _ in range(4):
            await press(pilot, app, "s")
            seen_heads.append(re.findall(r"(\w+) [▾▴]", head(app)))
        assert seen_heads[0] == ["Session"]
        assert ["Messages"] in seen_heads
        assert ["Tokens"] in seen_heads
        while "Tokens ▾" not in head(app):
            await press(pilot, app, "s")
        assert keys_of(app) == latest_first[::-1]
        await press(pilot, app, "3")
        assert "▾" not in head(app), "each view has an order of its own"
        await press(pilot, app, "2")
        assert "Tokens ▾" in head(app)

    drive(source, ASK, steps)


def test_the_foot_says_what_the_rows_that_a_filter_leaves_used_together(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "4", "slash", *"zai")
        assert "2 of 2 rows" in seen(app)
        assert "shown rows: 19,990 tokens" in seen(app)
        await press(pilot, app, *"-coding-plan/n")
        assert "1 of 2 rows" in seen(app)
        assert "shown rows: 4,996 tokens" in seen(app)

    drive(source, ASK, steps)


def test_a_click_on_a_head_sorts_by_its_column(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        shown = await press(pilot, app, "2")
        line = next(number for number, text in enumerate(shown) if "Tokens" in text and "Messages" in text)
        await pilot.click(offset=(shown[line].index("Tokens") + 1, line))
        await settled(pilot, app)
        assert "Tokens ▾" in head(app)
        before = cursor(app)
        await pilot.click(offset=(shown[line].index("Session"), line + 3))
        await settled(pilot, app)
        assert cursor(app) == keys_of(app)[2] != before

    drive(source, ASK, steps)


def test_back_is_the_row_that_was_opened(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "j", "j")
        opened = cursor(app)
        await press(pilot, app, "M")
        assert "Models / " in seen(app)
        await press(pilot, app, "escape")
        assert cursor(app) == opened
        await press(pilot, app, "slash", "3", "enter", "M", "escape")
        assert app.query_one(RowList).only == "3"
        assert len(keys_of(app)) == 1

    drive(source, ASK, steps)


def test_a_key_of_a_range_leaves_the_day_and_keeps_all_else(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "4", "G", "d")
        assert where(app).startswith("Timeline by day / zai-coding-plan/n   last 7 days")
        await press(pilot, app, "b", "enter")
        assert where(app).startswith("Sessions / zai-coding-plan/n / 2026-W04   ")
        await press(pilot, app, "m")
        assert where(app).startswith("Sessions / zai-coding-plan/n   last 30 days")
        assert len(keys_of(app)) == 1
        await press(pilot, app, "escape")
        assert where(app).startswith("Timeline by week / zai-coding-plan/n   last 30 days")

    drive(source, ASK, steps)


def test_an_arrow_after_the_wheel_goes_on_from_what_is_on_the_screen(machine: MadeMachine) -> None:
    for number in range(1, 60):
        put(machine, number, 100, number)

    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2")
        keys, rows = keys_of(app), app.query_one(RowList)
        rows.scroll_to(y=20, animate=False)
        await press(pilot, app, "j")
        assert cursor(app) == keys[21]
        rows.scroll_to(y=0, animate=False)
        await press(pilot, app, "k")
        assert 0 < keys.index(cursor(app)) < 20
        await press(pilot, app, "G")
        assert cursor(app) == keys[-1]

    drive(MadeSource(machine), ASK, steps)


def test_a_line_of_bars_shows_when_it_was_used(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        for number, name in enumerate(VIEW_NAMES, 1):
            shown = "\n".join(await press(pilot, app, str(number)))
            assert ("by hour, most 9,997 on 2026-01-23 12:00" in shown) == (name != "timeline"), shown

    drive(source, ASK, steps)


def test_y_copies_the_key_of_the_row(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "4", "G", "y")
        assert app.clipboard == "zai-coding-plan/n"

    drive(source, ASK, steps)


def test_an_exclamation_mark_lists_all_notes(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        shown = await press(pilot, app, "exclamation_mark")
        assert isinstance(app.screen, Box)
        assert "Newest message: " in "\n".join(shown)
        await press(pilot, app, "escape")
        assert not isinstance(app.screen, Box)

    drive(source, ASK, steps)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (200, 60)])
def test_a_screen_of_any_size_shows_what_matters(size: tuple[int, int], source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        shown = await press(pilot, app, "1")
        assert "Timeline" in shown[0]
        assert "Quit" in shown[-1]
        text = "\n".join(shown)
        assert "No OpenCode process is running." in text
        assert re.search(r"/m +3 +14,994", text)
        assert "2 rows, 4 messages, 19,990 tokens" in text

    drive(source, ASK, steps, size=size)

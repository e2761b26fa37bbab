"""Each key of the live screen does one thing."""

from __future__ import annotations

import pytest
from textual.binding import Binding

from otel_agent.summary.live.app import Live
from otel_agent.summary.live.boxes import Box
from otel_agent.summary.live.keys import ROW_KEYS, SCREEN_KEYS, name_of_key
from otel_agent.summary.live.row_list import RowList
from otel_agent.summary.view import VIEW_NAMES
from tests.summary.live.driving import Screen, drive, lines, press
from tests.summary.live.made_source import ASK, MadeSource, keys_of, put, total, where
from tests.summary.made_machine import MadeMachine


def test_a_number_opens_a_view(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        for number, name in enumerate(VIEW_NAMES, 1):
            await press(pilot, app, str(number))
            assert where(app).startswith(name.title())

    drive(source, ASK, steps)


def test_tab_goes_from_view_to_view_and_round_again(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        opened = []
        for _ in range(len(VIEW_NAMES) + 1):
            await press(pilot, app, "tab")
            opened.append(where(app).split()[0].lower())
        assert opened == [*VIEW_NAMES[1:], *VIEW_NAMES[:2]]
        await press(pilot, app, "shift+tab", "shift+tab")
        assert where(app).split()[0].lower() == VIEW_NAMES[-1]

    drive(source, ASK, steps)


def test_each_view_has_its_own_range_until_one_is_chosen(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        assert where(app).split("   ")[1] == "today (2026-01-23, UTC)"
        assert total(app) == "120"
        await press(pilot, app, "4")
        assert where(app) == "Models   all time"
        assert total(app) == "5,123"
        for key, words, tokens in [("t", "today", "120"), ("w", "last 7 days", "123"), ("m", "last 30 days", "123")]:
            await press(pilot, app, key)
            assert words in where(app)
            assert total(app) == tokens
        await press(pilot, app, "1")
        assert "last 30 days" in where(app)
        await press(pilot, app, "a")
        assert total(app) == "5,123"

    drive(source, ASK, steps)


@pytest.mark.parametrize(
    ("key", "row", "trail", "tokens"),
    [
        ("1", "zai-coding-plan/gpt", "Sessions / zai-coding-plan/gpt", "100"),
        ("3", "/home/dev/app", "Sessions / /home/dev/app", "100"),
        ("4", "zai-coding-plan/glm", "Timeline by day / zai-coding-plan/glm", "23"),
        ("5", "build", "Sessions / build", "5,100"),
        ("6", "2026-01-20", "Sessions / 2026-01-20", "3"),
    ],
)
def test_enter_opens_a_row_and_escape_goes_back(
    key: str, row: str, trail: str, tokens: str, source: MadeSource
) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, key)
        before = lines(app)
        await press(pilot, app, "home", *["down"] * keys_of(app).index(row), "enter")
        assert where(app).split("   ")[0] == trail
        assert total(app) == tokens
        await press(pilot, app, "M")
        assert where(app).startswith("Models / ")
        await press(pilot, app, "escape", "backspace")
        assert lines(app)[2:6] == before[2:6]
        await press(pilot, app, "escape")
        assert lines(app)[2:6] == before[2:6], "from the top there is nowhere to go back to"

    drive(source, ASK, steps)


def test_a_row_whose_name_looks_like_a_glob_opens_itself_and_nothing_else(machine: MadeMachine) -> None:
    for number, title in enumerate(["[bold]*x*[/]", "plain"]):
        put(machine, number, 1 + number, model=f"m[{title}]*")

    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "4", "down", "enter")
        assert total(app) == "1"

    drive(MadeSource(machine), ASK, steps)


def test_a_filter_leaves_the_rows_that_contain_the_text(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "slash", "S", "i", "o", "n", "space", "4")
        assert [line.split()[1:3] for line in lines(app) if line.startswith("│ session ")] == [["session", "4"]]
        assert any("1 of 4 rows" in line and "shown rows: 5,000 tokens" in line for line in lines(app))
        await press(pilot, app, "enter", "M")
        assert where(app).startswith("Models / session 4")
        assert len(keys_of(app)) == 1, "it is a view of its own, without the filter"
        await press(pilot, app, "escape")
        assert len(keys_of(app)) == 1, "the filter under which the row was found is back"
        await press(pilot, app, "escape")
        assert len(keys_of(app)) == 4

    drive(source, ASK, steps)


def test_escape_ends_a_filter(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "slash", "q", "t", "1")
        assert keys_of(app) == []
        await press(pilot, app, "escape", "down")
        assert len(keys_of(app)) == 4
        assert app.query_one(RowList).cursor == 1

    drive(source, ASK, steps)


def test_help_lists_every_key_with_what_it_does(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        shown = await press(pilot, app, "question_mark")
        assert isinstance(app.screen, Box)
        for key in ("1 2 3 4 5 6", "Tab", "t w m a", "↑ k ↓ j", "!", "Enter", "Escape", "PageUp", "Ctrl+C"):
            assert key in "\n".join(shown)
        for binding in Binding.make_bindings([*SCREEN_KEYS, *ROW_KEYS]):
            assert binding.tooltip, f"{binding.key} has no line in the help"
            line = next(line for line in shown if f"  {binding.tooltip} " in line)
            assert f" {name_of_key(binding.key)} " in line
        await press(pilot, app, "escape")
        assert "Help" in lines(app)[-1]
        assert "Quit" in lines(app)[-1]

    drive(source, ASK, steps)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_q_and_ctrl_c_end_the_screen(key: str, source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await pilot.press(key)
        await pilot.pause()

    assert drive(source, ASK, steps).return_code == 0


def test_b_changes_the_step_of_the_timeline_from_days_to_weeks_to_months(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "6", "b")
        assert keys_of(app) == ["2026-W03", "2026-W04"]
        await press(pilot, app, "b", "a")
        assert keys_of(app) == ["2025-11", "2025-12", "2026-01"]

    drive(source, ASK, steps)

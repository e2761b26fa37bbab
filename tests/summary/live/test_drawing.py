"""Whatever the terminal and the data are, the live screen shows rows and totals."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from otel_agent.summary.live.app import Live
from otel_agent.summary.live.listing import is_as_shown
from otel_agent.summary.live.row_list import RowList
from tests.summary.live.driving import Screen, drive, press, seen
from tests.summary.live.made_source import ASK, NOW, MadeSource, keys_of, put, running, total
from tests.summary.made_machine import MadeMachine


@pytest.mark.parametrize("size", [(40, 10), (60, 15), (80, 24), (200, 60)])
def test_a_terminal_of_any_size_shows_rows_and_totals(size: tuple[int, int], source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await pilot.resize_terminal(*size)
        for number in range(2, 7):
            shown = "\n".join(await press(pilot, app, str(number), "a"))
            assert "5,123" in shown
            assert max(map(len, shown.splitlines())) <= size[0]

    drive(source, ASK, steps)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
def test_a_long_directory_costs_a_process_none_of_its_numbers(size: tuple[int, int], source: MadeSource) -> None:
    directory = "/home/dev/" + "a-directory-with-a-long-name/" * 4 + "end"
    source.running = [running(number, directory) for number in range(4_194_300, 4_194_304)]

    async def steps(pilot: Screen, app: Live) -> None:
        shown = seen(app)
        assert len(re.findall(r"41943\d\d +CLI +50\.0% +1 MB +0:01:\d\d +….*end", shown)) == 4
        assert re.search(r"zai-coding-plan/gpt +1 +100", shown)
        assert "120 tokens" in shown

    drive(source, ASK, steps, size=size)


def test_the_cursor_moves_through_four_thousand_rows(machine: MadeMachine) -> None:
    for number in range(400):
        put(machine, number, number, minutes=number)
    source = MadeSource(machine)
    whole = source.view("sessions", ASK("sessions", None))
    rows = [replace(row, key=f"{row.key}{copy}") for copy in range(10) for row in whole.rows]
    many = replace(whole, rows=rows)
    source.view = lambda name, question: many  # type: ignore[method-assign]

    async def steps(pilot: Screen, app: Live) -> None:
        assert len(keys_of(app)) == 4_000
        await press(pilot, app, "end")
        assert app.query_one(RowList).cursor == 3_999
        await press(pilot, app, "pageup", "home")
        assert app.query_one(RowList).cursor == 0

    drive(source, ASK, steps, view="sessions")


@pytest.mark.parametrize(
    "title", ["[bold red]x[/]", "[@click=quit]x[/]", "日本語の" * 30, "\x1b[31mred", "a\nb"], ids=repr
)
def test_text_from_storage_is_shown_on_the_screen_and_never_interpreted(title: str, machine: MadeMachine) -> None:
    put(machine, 1, 7, title=title, model=title, agent=title)

    async def steps(pilot: Screen, app: Live) -> None:
        for number in "1245":
            shown = "\n".join(await press(pilot, app, number))
            beginning = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in title)[:8]
            assert beginning in shown
            assert "\x1b" not in shown

    drive(MadeSource(machine), ASK, steps)


def test_without_data_every_view_says_when_it_will_come(machine: MadeMachine, tmp_path: Path) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        for number in range(1, 7):
            await press(pilot, app, str(number))
            assert total(app) == "0"
            assert "No data yet. It appears here as soon as OpenCode writes some." in seen(app)

    drive(MadeSource(machine), ASK, steps)


def test_an_answer_that_says_nothing_new_is_known_as_such(machine: MadeMachine) -> None:
    put(machine, 1, 5_000)
    first = machine.view("overview", "today", now=NOW)
    later = NOW + timedelta(minutes=1)
    assert is_as_shown(first, machine.view("overview", "today", now=later))
    assert not is_as_shown(first, machine.view("models", "today", now=later))
    assert not is_as_shown(first, machine.view("overview", "all", now=later))
    assert not is_as_shown(first, machine.view("overview", "today", now=NOW + timedelta(days=1)))
    put(machine, 2, 5_001)
    assert not is_as_shown(first, machine.view("overview", "today", now=later))

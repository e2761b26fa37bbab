"""Whatever the screen has no room for ends in ``…``, and no part of a number is shown as if it were the number."""

from __future__ import annotations

import io
import time

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console, RenderableType

from otel_agent.ledger.answers import NO_USAGE
from otel_agent.model import Tokens
from otel_agent.summary.live.app import Live
from otel_agent.summary.live.lines import first_lines, sum_line
from otel_agent.summary.live.session_table import Rows
from tests.summary.live.driving import Screen, drive, lines, press, settled
from tests.summary.live.made_source import ASK, MadeSource, put
from tests.summary.made_machine import MadeMachine
from tests.support import made_stores
from tests.support.made_stores import T0, message, session, tool

SIZES = [(60, 20), (80, 24), (120, 40)]
LONG = "a-name-that-is-long"
NUMBER = 1_234_567_890


@pytest.fixture
def source(machine: MadeMachine) -> MadeSource:
    """A machine with a session whose title, models and agent are long, and that was broken off."""
    of = session(T0, title=f"title-{LONG * 8}")
    stopped = {"error": {"name": "MessageAbortedError", "data": {}}}
    long = message(
        of,
        made_stores.Tokens(input=NUMBER),
        T0 + 1,
        completed=T0 + 2,
        cost=0.25,
        changes=stopped,
        provider=f"provider-{LONG}",
        model=f"model-{LONG * 2}",
        agent=f"agent-{LONG}",
    )
    machine.tree.put_turn(long)
    return MadeSource(machine)


def table(app: Live, name: str) -> list[str]:
    """Return the lines of a table as they are drawn, without what is blank at their end."""
    rows = app.screen.query_one(f"#{name}", Rows)
    return [rows.render_line(y).text for y in range(rows.row_count + 1)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_tables_of_a_session_say_where_they_go_on(size: tuple[int, int], source: MadeSource) -> None:
    """The first column, and the last one that ends in the screen, are as they would be on a wide one."""

    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "enter")
        for name in ("turns", "calls"):
            for drawn in table(app, name):
                assert len(drawn) == size[0] - 4
                assert drawn.endswith("…")
                assert drawn.count("…") == 1
        assert lines(app)[0].strip().startswith("Sessions / title-a-name")
        assert lines(app)[0].rstrip().endswith("…")

    drive(source, ASK, steps, view="sessions", size=size)


def test_no_part_of_a_number_is_shown_at_any_width(source: MadeSource) -> None:
    numbers = [f"{NUMBER:,}", "1", "?", "0.2500"]

    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "enter")
        numbers_seen = set[int]()
        for width in range(54, 112):
            await pilot.resize_terminal(width, 24)
            await pilot.pause()
            after = table(app, "turns")[1].partition("MessageAbortedError")[2]
            words = [word for word in after.split() if not word.startswith(("…", "p"))]
            assert words == numbers[: len(words)], width
            numbers_seen.add(len(words))
        assert numbers_seen == set(range(5)), "each of them is cut at some width"

    drive(source, ASK, steps, view="sessions", size=(54, 24))


def test_what_is_beside_the_screen_comes_with_the_right_arrow(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "enter")
        rows = app.screen.query_one("#turns", Rows)
        rows.scroll_to(x=rows.max_scroll_x, animate=False)
        await settled(pilot, app)
        head, row = table(app, "turns")
        assert row.rstrip().endswith(f" agent-{LONG}")
        assert head.startswith("…")
        assert row.startswith("…")
        rows.scroll_to(x=3, animate=False)
        await settled(pilot, app)
        head, row = table(app, "turns")
        assert head.startswith("…an  "), "it is Began, and three columns of it are away"
        assert row.count("…") == 2

    drive(source, ASK, steps, view="sessions", size=(80, 24))


@pytest.mark.parametrize("name", ["日本語の名前", "Grüße"])
def test_letters_of_two_columns_are_cut_whole(name: str, machine: MadeMachine) -> None:
    put(machine, 1, 7, title="wide", model=name * 12)

    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "enter")
        for width in (80, 81):
            await pilot.resize_terminal(width, 24)
            await pilot.pause()
            for drawn in table(app, "turns"):
                assert cell_len(drawn) == width - 4
                assert drawn.endswith("…")

    drive(MadeSource(machine), ASK, steps, view="sessions", size=(80, 24))


def test_the_indented_name_of_a_tool_is_cut_as_any_other(machine: MadeMachine) -> None:
    """Without an agent nothing is beside the name, so a name that goes on is all that the mark can be for."""
    hour_ago = time.time_ns() // 1_000_000 - 3_600_000
    of = session(hour_ago, title="tools")
    asked = message(of, made_stores.Tokens(1), hour_ago, completed=hour_ago + 9_000, agent="")
    name = f"server_{LONG}_{LONG}"
    machine.tree.put_turn(asked)
    machine.tree.put(tool(asked, name, 4, at=hour_ago + 1_000, took=2_000))

    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "enter")
        cut = 0
        for width in range(80, 110):
            await pilot.resize_terminal(width, 24)
            await pilot.pause()
            drawn = table(app, "calls")[-1].rstrip()
            assert drawn.endswith(("…", f"  {name}")), width
            cut += drawn.endswith("…")
        assert 0 < cut < 30, "it is cut on some screens and whole on others"

    drive(MadeSource(machine), ASK, steps, view="sessions", size=(80, 24))


def printed(of: RenderableType, width: int) -> list[str]:
    """Return the lines that a terminal of this width shows."""
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(of)
    return [line.rstrip() for line in capture.get().splitlines()]


USED = replace(NO_USAGE, tokens=Tokens(10**9, 2 * 10**9, 3 * 10**9, 4 * 10**9, 5 * 10**9), cost_nusd=7 * 10**9)


def test_exact_numbers_that_need_more_lines_than_there_are_end_in_an_ellipsis() -> None:
    whole = printed(sum_line(USED, "recorded", 60, 9), 60)
    assert len(whole) == 4
    assert whole[-1].endswith("7.0000 USD")
    first, last = printed(sum_line(USED, "recorded", 60, 2), 60)
    assert first == whole[0]
    assert last == f"{whole[1]} …"
    assert printed(sum_line(USED, "recorded", 60, 4), 60) == whole


def test_sentences_that_need_more_lines_than_there_are_end_in_an_ellipsis() -> None:
    said = ["One sentence is short.", "Another one has many words."]
    assert printed(first_lines(said, 20, 4), 20) == ["One sentence is", "short.", "Another one has many", "words."]
    assert printed(first_lines(said, 20, 3), 20) == ["One sentence is", "short.", "Another one has …"]
    assert printed(first_lines(said, 20, 2), 20) == ["One sentence is", "short. …"]
    assert printed(first_lines(said, 20, 1), 20) == ["One sentence is …"]
    assert printed(first_lines(["A-word-that-is-longer-than-a-line."], 20, 1), 20) == ["A-word-that-is-long…"]

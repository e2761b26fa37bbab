"""How the live screen looks: a theme that is kept, marks on what changed, and a map of days."""

from __future__ import annotations

import asyncio
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from otel_agent.ledger.answers import NO_USAGE
from otel_agent.model import Tokens
from otel_agent.summary.live.app import Live
from otel_agent.summary.live.calendar import calendar_map
from otel_agent.summary.live.choices import FILE
from otel_agent.summary.live.row_list import RowList
from otel_agent.summary.question import Question, Range
from otel_agent.summary.view import PeriodRow, View
from tests.summary.live.driving import Screen, drive, press, seen, settled, tick
from tests.summary.live.made_source import ASK, MadeSource, put
from tests.summary.made_machine import MadeMachine


def test_a_theme_that_is_chosen_with_the_palette_is_there_the_next_time(source: MadeSource, tmp_path: Path) -> None:
    folder = tmp_path / "kept"

    async def steps(pilot: Screen, app: Live) -> None:
        assert app.theme == "textual-dark"
        for word in ("theme", "nord"):
            if word == "theme":
                await press(pilot, app, "ctrl+p")
            await press(pilot, app, *word)
            # The palette looks for commands in the background.
            async with asyncio.timeout(30):
                while app.theme != "nord" and word == "nord":
                    await pilot.press("enter")
                    await pilot.pause()
            if word == "theme":
                await press(pilot, app, "enter")
        await settled(pilot, app)

    drive(source, ASK, steps, folder=folder)
    kept = json.loads((folder / FILE).read_bytes())
    assert (kept["theme"], kept["flash"], kept["palette"]["back"]) == ("nord", True, "#2e3440")
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert Live(source, ASK, folder=folder).theme == "nord"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"theme": 7}',
        b'{"theme": "no-such-theme"}',
        b'{"theme": "nord", "palette": {"back": "nord"}}',
        b"[]",
        b"\xff" * 9_000,
    ],
    ids=repr,
)
def test_what_makes_no_sense_in_the_file_is_ignored(content: bytes, source: MadeSource, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert Live(source, ASK, folder=tmp_path).theme == "textual-dark"


def test_a_link_in_the_files_place_is_not_followed(source: MadeSource, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text('{"theme": "nord"}')
    (tmp_path / FILE).symlink_to(other)
    assert Live(source, ASK, folder=tmp_path).theme == "textual-dark"


def marked(app: Live) -> list[str]:
    """Return the texts of the list that are marked as changed."""
    rows = app.query_one(RowList)
    mark = rows.get_component_rich_style("rows--changed", partial=True)
    drawn = (segment for y in range(rows.size.height) for segment in rows.render_line(y))
    return [segment.text for segment in drawn if segment.style and segment.style.bgcolor == mark.bgcolor]


def test_only_the_cells_that_changed_are_marked_and_only_for_a_moment(source: MadeSource, machine: MadeMachine) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "5")
        assert marked(app) == []
        put(machine, 9, 77, agent="build")
        source.caught_up()
        await tick(pilot, app)
        # Messages, tokens, and tokens per message of one agent. The other one did nothing.
        assert marked(app) == ["3", "5,177", "1,726"]
        async with asyncio.timeout(30):
            while marked(app):
                await pilot.pause()
        await press(pilot, app, "t")
        assert marked(app) == [], "another range is another answer, and no change"

    drive(source, ASK, steps)


@pytest.mark.parametrize("unwanted", ["setting", "variable"])
def test_nothing_is_marked_if_nobody_wants_it(
    unwanted: str, source: MadeSource, machine: MadeMachine, tmp_path: Path
) -> None:
    if unwanted == "setting":
        (tmp_path / FILE).write_text('{"flash": false}')

    async def steps(pilot: Screen, app: Live) -> None:
        if unwanted == "variable":
            app.wants_motion = False  # as TEXTUAL_ANIMATIONS=none sets it
        await press(pilot, app, "5")
        put(machine, 9, 77, agent="build")
        source.caught_up()
        await tick(pilot, app)
        assert "5,177" in seen(app)
        assert marked(app) == []

    drive(source, ASK, steps, folder=tmp_path)


def days(tokens: dict[str, int], last: str, number: int) -> View:
    """Return a timeline of so many days up to the last one."""
    end = datetime.fromisoformat(last).replace(tzinfo=UTC)
    rows: list[PeriodRow] = []
    for day in (end - timedelta(days=ago) for ago in reversed(range(number))):
        key = f"{day:%Y-%m-%d}"
        usage = replace(NO_USAGE, tokens=Tokens(input=tokens.get(key, 0)))
        rows.append(PeriodRow(key=key, usage=usage, since=day, until=day + timedelta(days=1)))
    question = Question(range=Range("custom", rows[0].since, None, "UTC"))
    return View(name="timeline", question=question, rows=rows, totals=NO_USAGE, newest=None, now=end)


def test_a_map_has_a_column_for_each_week_and_darker_days_for_more_tokens() -> None:
    # 2026-03-04 is a Wednesday.
    used = {"2026-01-05": 1, "2026-01-08": 20, "2026-02-28": 300, "2026-03-04": 4_000_000}
    lines = calendar_map(days(used, "2026-03-04", 59 + 3), 4 + 2 * 9).plain.splitlines()
    assert lines[0].split() == ["Feb", "Mar"]
    assert lines[1:8] == [
        "Mon ░░· · · · · · · · ",
        "    · · · · · · · · · ",
        "Wed · · · · · · · · ██",
        "    ▒▒· · · · · · ·   ",
        "Fri · · · · · · · ·   ",
        "    · · · · · · · ▓▓  ",
        "Sun · · · · · · · ·   ",
    ]
    assert lines[8] == "    less ░▒▓█ more, most 4.00M on 2026-03-04"


def test_a_map_is_left_out_if_it_would_have_few_weeks() -> None:
    assert not calendar_map(days({}, "2026-03-04", 60), 18)
    unused = calendar_map(replace(days({}, "2026-03-04", 60), rows=[]), 100)
    assert not unused


@pytest.mark.parametrize(("size", "has_map"), [((120, 40), True), ((120, 30), False), ((80, 40), False)])
def test_an_overview_has_a_map_of_days_if_there_is_room(
    size: tuple[int, int], has_map: bool, source: MadeSource
) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await settled(pilot, app)
        assert ("most 5,000 on 2025-11-24" in seen(app)) == has_map

    drive(source, ASK, steps, size=size)

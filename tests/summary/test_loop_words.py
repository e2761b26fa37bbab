"""The overview tells the latest loops. The others are a number and a command that lists them, in every form but JSON."""

from __future__ import annotations

import html
import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from otel_agent.model import LoopKind
from otel_agent.summary.formats.as_html import as_html
from otel_agent.summary.formats.as_json import as_json
from otel_agent.summary.formats.as_markdown import as_markdown
from otel_agent.summary.formats.as_picture import as_svg, as_text
from otel_agent.summary.question import Filters, RangeName
from otel_agent.summary.ranges import custom_range, zone_named
from otel_agent.summary.text.loop_words import loop_lines
from otel_agent.summary.view import LoopSeen, View
from tests.summary.made_machine import MadeMachine
from tests.support.shell import Shell

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def with_loops(view: View, number: int) -> View:
    loops = [
        LoopSeen(
            session=f"ses_{index:010}",
            title=f"Title {index}",
            kind=LoopKind.REPEAT,
            tool="bash",
            calls=9,
            since=NOW - timedelta(hours=1 + index),
            until=NOW - timedelta(hours=index),
        )
        for index in range(number)
    ]
    return replace(view, loops=loops)


@pytest.mark.parametrize(("number", "named", "more"), [(0, 0, 0), (3, 3, 0), (4, 3, 1), (30, 3, 27), (1_203, 3, 1_200)])
def test_all_forms_tell_three_and_json_all(number: int, named: int, more: int, machine: MadeMachine) -> None:
    view = with_loops(machine.view("overview", now=NOW), number)
    assert len(json.loads(as_json([view]))["loops"]) == number
    pages = {"text": as_text([view]), "Markdown": as_markdown([view]), "HTML": as_html([view]), "SVG": as_svg([view])}
    for form, page in pages.items():
        seen = html.unescape(re.sub("<[^>]*>", "", page)).replace("\xa0", " ")
        assert len(re.findall("Title [0-9]+ ", seen)) == named, form
        said = re.findall(r"… and ([0-9,]+) more loops?: ", seen)
        assert said == ([f"{more:,}"] if more else []), form


def test_the_loops_are_as_important_as_warnings(machine: MadeMachine) -> None:
    page = as_html([with_loops(machine.view("overview", now=NOW), 30)])
    assert page.count('<p class="warning">') == 4


@pytest.mark.parametrize("name", ["today", "last-week", "all"])
def test_the_command_asks_the_same_question(name: RangeName, machine: MadeMachine, tmp_path: Path) -> None:
    filters = Filters(projects=("a b", "c*"), sessions=("it's",))
    view = with_loops(machine.view("overview", name, now=NOW, filters=filters), 4)
    (command,) = re.findall("`(.*)`", loop_lines(view)[-1])
    assert asked(command, tmp_path) == {**filters_of(filters), "range": name}


def test_a_range_of_ones_own_and_a_zone_are_in_the_command(machine: MadeMachine, tmp_path: Path) -> None:
    now = NOW.astimezone(zone_named("Asia/Kathmandu"))
    since = custom_range("2026-11-20T14:30", "2026-11-21", now)
    view = machine.view("overview", now=now)
    (command,) = re.findall(
        "`(.*)`", loop_lines(with_loops(replace(view, question=replace(view.question, range=since)), 4))[-1]
    )
    assert shlex.split(command)[3:] == ["--since", "2026-11-20T14:30:00+05:45", "--until", "2026-11-22T00:00:00+05:45"]
    assert asked(command, tmp_path)["range"] == "custom"
    (command,) = re.findall("`(.*)`", loop_lines(with_loops(machine.view("overview", "today", now=now), 4))[-1])
    assert shlex.split(command)[3:] == ["--range", "today", "--tz", "Asia/Kathmandu"]


def filters_of(filters: Filters) -> dict[str, object]:
    return {f"{kind}s": list(globs) for kind, globs in filters.by_kind.items()}


def asked(command: str, home: Path) -> dict[str, object]:
    """Return what the command asks for, by its own answer."""
    program, *arguments = shlex.split(command)
    assert program == "otel-agent"
    found = json.loads(Shell(home).output(*arguments))
    return {**found["filters"], "range": found["range"]["name"]}

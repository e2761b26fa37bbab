"""The views as a person sees them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from otel_agent.model import ProcessMode, ProcessSample
from otel_agent.summary.question import RangeName
from otel_agent.summary.text.tables import no_data, view_table
from otel_agent.summary.view import VIEW_NAMES, AgentRow, Process, ViewName
from tests.summary.conftest import Machine, drawn
from tests.support.made_stores import GLOBAL, PERSONA, T0, Project, Tokens, message, session

DRAWN = Path(__file__).parent / "drawn"
NOON = datetime(2026, 11, 22, 12, 12, tzinfo=ZoneInfo("Europe/Berlin"))
"""A few minutes after the last message of either store."""
CATEGORIES = ("Input", "Output", "Reasoning", "Cache read", "Cache write")
AT_T0 = datetime.fromtimestamp(T0 / 1000 + 60, UTC)
RANGES: dict[ViewName, RangeName] = {"overview": "today", "timeline": "week"}


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("store", ["json-1.1.27", "sqlite-1.18.33-fork"])
def test_line_by_line(store: str, columns: int, machine: Machine) -> None:
    """All six, one after another."""
    machine.has(store)
    lines: list[str] = []
    for name in VIEW_NAMES:
        lines += [*drawn(view_table(machine.view(name, RANGES.get(name, "all"), now=NOON)), columns), ""]
    assert lines == (DRAWN / f"{store}.{columns}.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
@pytest.mark.parametrize("name", VIEW_NAMES)
def test_no_total_is_cut_and_nothing_is_too_wide(name: ViewName, columns: int, machine: Machine) -> None:
    large = Tokens(*[123_456_789_012] * 5)
    of = session(title="A title that is much longer than the column it has to fit into " * 3)
    machine.tree.put_turn(message(of, large, model="a-model-with-a-name-" * 5, agent="agent" * 30, cost=12_345.25))
    lines = drawn(view_table(machine.view(name, now=AT_T0)), columns)
    assert max(map(cell_len, lines)) <= columns
    assert "617,283,945,060" in "\n".join(lines)
    assert not re.search(r"[\d,]…", "\n".join(lines)), "no number loses its end"


TITLES = {
    "escape": "\x1b[31mred\x1b]0;title\x07",
    "c1": "\x9b31mred",
    "markup": "[bold red]x[/bold red] [link=http://x]y[/link]",
    "emoji code": ":warning:",
    "cjk": "日本語のタイトルはとても長いので切れる" * 3,
    "emoji": "👩‍👩‍👧 🇩🇪 ❤️" * 9,
    "bidi": "\u202eabc\u2066",
    "lines": "one\ntwo\rthree\tfour",
    "combining": "e\u0301" * 40,
}


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES)
def test_text_from_storage_is_only_shown(title: str, columns: int, machine: Machine) -> None:
    """It reaches neither the terminal as a command nor Rich as markup, and leaves the columns where they are."""
    project = Project(worktree=f"/home/dev/{title.replace('/', '')}")
    for number, each in enumerate([title, "plain"]):
        of = session(title=each, counter=number, project=project, directory=project.worktree)
        machine.tree.put_turn(
            message(of, Tokens(input=7), at=T0 + number, counter=number, model=each, agent=each, cost=0.5)
        )
    for name in VIEW_NAMES:
        lines = drawn(view_table(machine.view(name, now=AT_T0)), columns)
        assert all(letter.isprintable() for line in lines for letter in line)
        assert max(map(cell_len, lines)) <= columns
        table = lines[next(index for index, line in enumerate(lines) if re.search("Messages|Total", line)) :]
        ends = {cell_len(line.partition(" 7 ")[0]) for line in table if " 7 " in f"{line} " and "Total" not in line}
        assert len(ends) <= 1 + (name == "overview"), f"{name}: {table}"


@pytest.mark.parametrize("title", [TITLES["markup"], TITLES["emoji code"]])
def test_markup_is_shown_as_it_is(title: str, machine: Machine) -> None:
    machine.tree.put_turn(message(session(title=title), Tokens(input=7), model=title, agent=title))
    for name in ("overview", "sessions", "models", "agents"):
        assert title in "\n".join(drawn(view_table(machine.view(name, now=AT_T0)), 200))


class TestRows:
    def filled(self, machine: Machine, sessions: int) -> None:
        for number in range(sessions):
            at = T0 + number * 60_000
            of = session(created=at, counter=number, title=f"title {number}")
            machine.tree.put_turn(message(of, Tokens(input=number), at=at, counter=number, model=f"m{number}"))

    def test_what_was_cut_is_told_above_the_total(self, machine: Machine) -> None:
        self.filled(machine, 1_050)
        lines = drawn(view_table(machine.view("sessions", limit=20)), 100)
        cut = next(index for index, line in enumerate(lines) if line.startswith("…"))
        assert lines[cut] == f"… and 1,030 more, {sum(range(1_030)):,} tokens"
        assert lines[cut + 1].split()[:3] == ["Total", "1,050", f"{sum(range(1_050)):,}"]
        shown = [re.search(r"(\d[\d,]*) +\d\d-\d\d", line) for line in lines[2:cut]]
        assert sum(int(each[1].replace(",", "")) for each in shown if each) == sum(range(1_030, 1_050))

    def test_one(self, machine: Machine) -> None:
        self.filled(machine, 2)
        found = machine.view("models", limit=1)
        assert [line.split()[0] for line in drawn(view_table(found))[1:5]] == [
            "Model",
            "zai-coding-plan/m1",
            "…",
            "Total",
        ]
        assert drawn(view_table(found))[3] == "… and 1 more, 0 tokens"

    def test_where_the_exact_total_does_not_fit_it_is_told_below(self, machine: Machine) -> None:
        large = Tokens(*[123_456_789_012] * 5)
        machine.tree.put_turn(message(session(), large, model="m" * 40))
        lines = drawn(view_table(machine.view("models")), 80)
        assert re.match(r"Total +123B +123B +123B +123B +123B +617B", lines[3])
        assert lines[4] == "In all 617,283,945,060 tokens"

    def test_a_day_without_use_is_shown_as_such(self, machine: Machine) -> None:
        machine.tree.put_turn(message(session(), Tokens(input=7)))
        lines = drawn(view_table(machine.view("timeline", "week", now=AT_T0)))
        assert [set(line.split()[1:]) for line in lines[2:8]] == [{"·"}] * 6
        assert lines[8].split()[:2] == ["2026-01-23", "7"]

    @pytest.mark.parametrize("name", [name for name in VIEW_NAMES if name != "timeline"])
    def test_nothing_in_the_range_says_what_to_try(self, name: ViewName, machine: Machine) -> None:
        machine.tree.put_turn(message(session(), Tokens(input=1)))
        lines = drawn(view_table(machine.view(name, "today", now=AT_T0 + timedelta(days=40))), 100)
        assert "No completed messages today; --range all shows all there are." in lines
        assert "Newest message: 40 d ago." in lines
        assert "Total" not in "\n".join(lines)

    def test_the_configured_model_stands_beside_the_agent(self, machine: Machine) -> None:
        machine.tree.put_turn(message(session(), Tokens(input=1), agent="build"))
        found = machine.view("agents")
        rows = [AgentRow(key=row.key, usage=row.usage, configured="anthropic/claude") for row in found.rows]
        assert re.search(
            r"^build .* anthropic/claude", "\n".join(drawn(view_table(replace(found, rows=rows)))), re.MULTILINE
        )


class TestProcesses:
    @staticmethod
    def process(pid: int, mode: ProcessMode, directory: str, cpu: float) -> Process:
        sample = ProcessSample(
            pid=pid,
            created_s=AT_T0.timestamp() - 3 * 3600,
            mode=mode,
            executable="opencode",
            directory=directory,
            cpu_s=1.0,
            rss_bytes=512 * 2**20,
            vms_bytes=2**30,
            threads=9,
            file_descriptors=20,
        )
        return Process(sample, cpu)

    def test_each_with_its_mode(self, machine: Machine) -> None:
        processes = [
            self.process(123, ProcessMode.CLI, f"{Path.home()}/work/app", 0.123),
            self.process(77, ProcessMode.SERVER, "", 1.5),
            self.process(9, ProcessMode.LSP, "/srv/\x1b[31m", 0.0),
        ]
        lines = drawn(view_table(replace(machine.overview(now=AT_T0), processes=processes)))
        assert lines[:5] == [
            "Running OpenCode",
            "PID  Mode       CPU  Memory   Up  Directory",
            "123  CLI      12.3%  512 MB  3 h  ~/work/app",
            "77   Server  150.0%  512 MB  3 h  ·",
            "9    LSP       0.0%  512 MB  3 h  /srv/\N{REPLACEMENT CHARACTER}[31m",
        ]

    def test_none(self, machine: Machine) -> None:
        assert drawn(view_table(machine.overview(now=AT_T0)))[0] == "No OpenCode is running."


def test_what_overlaps_is_a_footnote_until_it_is_left_out(machine: Machine) -> None:
    machine.has("opencode-0.5.x")
    recorded = "\n".join(drawn(view_table(machine.view("models")), 120))
    disjoint = "\n".join(drawn(view_table(machine.view("models", accounting="disjoint")), 120))
    assert "of these tokens stand in two categories" in recorded
    assert "two categories" not in disjoint


def test_a_session_that_moved_stands_in_each_project_and_once_in_the_total(machine: Machine) -> None:
    of = session()
    machine.tree.put_turn(
        message(of, Tokens(input=1), counter=1, changes={"path": {"cwd": PERSONA, "root": "/"}}),
        message(of, Tokens(input=2), counter=2, at=T0 + 1000),
    )
    lines = drawn(view_table(machine.view("projects")), 100)
    assert next(line for line in lines if line.startswith("Total")).split()[1] == "1"
    assert "Sessions that moved between projects stand in each of them: 1 more in the rows than in the total." in lines


def test_warnings_come_first_and_hints_last(machine: Machine) -> None:
    machine.tree.put_turn(message(session(), Tokens(input=1)))
    found = replace(machine.view("models"), warnings=("beware\x1b",), hints=("by the way",))
    assert drawn(view_table(found))[-3:] == [
        "Warning: beware\N{REPLACEMENT CHARACTER}",
        drawn(view_table(found))[-2],
        "by the way",
    ]


def test_outside_any_project(machine: Machine) -> None:
    machine.tree.put_turn(message(session(project=GLOBAL, directory="/tmp/x"), Tokens(input=1)))
    assert any(line.startswith("(global)") for line in drawn(view_table(machine.view("projects"))))
    assert any(line.startswith("/tmp/x") for line in drawn(view_table(machine.view("projects", separate_global=True))))


def test_no_data_says_where_it_looked() -> None:
    assert drawn(no_data([Path("/a b/[x]")]), 200) == [
        "No data available. Looked in:",
        "  /a b/[x]",
        "Use OpenCode once, or set XDG_DATA_HOME or OTEL_AGENT_DATA_DIRS if its data is elsewhere.",
    ]

"""Views are shown to a person as tables that fit the terminal."""

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
from otel_agent.summary.text import words
from otel_agent.summary.text.tables import no_data, view_table
from otel_agent.summary.view import USAGE_VIEWS, VIEW_NAMES, AgentRow, Process, ViewName
from tests.summary.made_machine import MadeMachine, drawn, with_processes
from tests.support.made_stores import GLOBAL, PERSONA, T0, Project, Tokens, message, session

DRAWN = Path(__file__).parent / "drawn"
NOON = datetime(2026, 11, 22, 12, 12, tzinfo=ZoneInfo("Europe/Berlin"))
"""A few minutes after the last message of either store."""
CATEGORIES = ("Input", "Output", "Reasoning", "Cache read", "Cache write")
AT_T0 = datetime.fromtimestamp(T0 / 1000 + 60, UTC)
RANGES: dict[ViewName, RangeName] = {"overview": "today", "timeline": "week"}


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("store", ["json-1.1.27", "sqlite-1.18.33-fork"])
def test_all_six_views_are_drawn_exactly_so(store: str, columns: int, machine: MadeMachine) -> None:
    """If it fails on purpose, look at every line before writing the new ones into `drawn`."""
    machine.has(store)
    lines: list[str] = []
    for name in USAGE_VIEWS:
        lines += [*drawn(view_table(machine.view(name, RANGES.get(name, "all"), now=NOON)), columns), ""]
    assert lines == (DRAWN / f"{store}.{columns}.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
@pytest.mark.parametrize("name", USAGE_VIEWS)
def test_no_total_is_cut_and_no_line_is_wider_than_the_terminal(
    name: ViewName, columns: int, machine: MadeMachine
) -> None:
    large = Tokens(*[123_456_789_012] * 5)
    of = session(title="A title that is much longer than the column it has to fit into " * 3)
    machine.tree.put_turn(message(of, large, model="a-model-with-a-name-" * 5, agent="agent" * 30, cost=12_345.25))
    lines = drawn(view_table(machine.view(name, now=AT_T0)), columns)
    assert max(map(cell_len, lines)) <= columns
    assert "617,283,945,060" in "\n".join(lines)
    assert not re.search(r"[\d,]…", "\n".join(lines)), "no number loses its end"


@pytest.mark.parametrize("name", USAGE_VIEWS)
def test_a_line_that_a_terminal_has_no_room_for_ends_in_an_ellipsis(name: ViewName, machine: MadeMachine) -> None:
    """There are no columns left to leave out: two of them do not fit."""
    machine.tree.put_turn(message(session(), Tokens(*[123_456_789_012] * 5)))
    lines = drawn(view_table(machine.view(name, now=AT_T0)), 7)
    of_columns = [line for line in lines if "  " in line]
    assert len(of_columns) >= 3, "the titles, a row and the total"
    assert [line for line in of_columns if not line.endswith("…")] == []


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
def test_text_from_storage_is_shown_and_moves_no_column(title: str, columns: int, machine: MadeMachine) -> None:
    """It is neither a command to the terminal nor markup to Rich."""
    project = Project(worktree=f"/home/dev/{title.replace('/', '')}")
    for number, each in enumerate([title, "plain"]):
        of = session(title=each, counter=number, project=project, directory=project.worktree)
        machine.tree.put_turn(
            message(of, Tokens(input=7), at=T0 + number, counter=number, model=each, agent=each, cost=0.5)
        )
    for name in USAGE_VIEWS:
        lines = drawn(view_table(machine.view(name, now=AT_T0)), columns)
        assert all(letter.isprintable() for line in lines for letter in line)
        assert max(map(cell_len, lines)) <= columns
        table = lines[next(index for index, line in enumerate(lines) if re.search("Messages|Total", line)) :]
        ends = {cell_len(line.partition(" 7 ")[0]) for line in table if " 7 " in f"{line} " and "Total" not in line}
        assert len(ends) <= 1 + (name == "overview"), f"{name}: {table}"


@pytest.mark.parametrize("columns", [32, 40])
def test_a_narrow_overview_has_whole_numbers_and_shorter_bars(columns: int, machine: MadeMachine) -> None:
    machine.tree.put_turn(message(session(), Tokens(1_234_567, 98_765, 0, 0, 0)))
    lines = drawn(view_table(machine.view("overview", now=AT_T0)), columns)
    begin = next(number for number, line in enumerate(lines) if line.startswith("Category"))
    numbers = [re.findall(r"[\d,]+(?:\.\d%)?", line) for line in lines[begin + 1 : begin + 7]]
    assert numbers[0] == ["1,234,567", "92.6%"]
    assert numbers[5] == ["1,333,332"]
    assert all(len(line) <= columns for line in lines)


@pytest.mark.parametrize("title", [TITLES["markup"], TITLES["emoji code"]])
def test_markup_from_storage_is_shown_as_it_is(title: str, machine: MadeMachine) -> None:
    machine.tree.put_turn(message(session(title=title), Tokens(input=7), model=title, agent=title))
    for name in ("overview", "sessions", "models", "agents"):
        assert title in "\n".join(drawn(view_table(machine.view(name, now=AT_T0)), 200))


class TestRows:
    def filled(self, machine: MadeMachine, sessions: int) -> None:
        for number in range(sessions):
            at = T0 + number * 60_000
            of = session(created=at, counter=number, title=f"title {number}")
            machine.tree.put_turn(message(of, Tokens(input=number), at=at, counter=number, model=f"m{number}"))

    def test_the_line_above_the_total_says_how_many_rows_were_cut(self, machine: MadeMachine) -> None:
        self.filled(machine, 1_050)
        lines = drawn(view_table(machine.view("sessions", now=AT_T0, limit=20)), 100)
        cut = next(index for index, line in enumerate(lines) if line.startswith("…"))
        assert lines[cut] == f"… and 1,030 more, {sum(range(1_030)):,} tokens"
        assert lines[cut + 1].split()[:3] == ["Total", "1,050", f"{sum(range(1_050)):,}"]
        shown = [re.search(r"(\d[\d,]*) +\d\d-\d\d", line) for line in lines[2:cut]]
        assert sum(int(tokens[1].replace(",", "")) for tokens in shown if tokens) == sum(range(1_030, 1_050))

    def test_a_single_row_that_was_cut_is_one_more(self, machine: MadeMachine) -> None:
        self.filled(machine, 2)
        found = machine.view("models", limit=1)
        assert [line.split()[0] for line in drawn(view_table(found))[1:5]] == [
            "Model",
            "zai-coding-plan/m1",
            "…",
            "Total",
        ]
        assert drawn(view_table(found))[3] == "… and 1 more, 0 tokens"

    def test_if_the_exact_total_does_not_fit_it_is_written_below(self, machine: MadeMachine) -> None:
        large = Tokens(*[123_456_789_012] * 5)
        machine.tree.put_turn(message(session(), large, model="m" * 40))
        lines = drawn(view_table(machine.view("models")), 80)
        assert re.match(r"Total +1 +617,283,945,060 +33\.3%$", lines[3])
        lines = drawn(view_table(machine.view("models")), 112)
        assert re.match(r"Total +1 +123B +123B +123B +123B +123B +617B +33\.3%$", lines[3])
        assert lines[4] == "Exact total: 617,283,945,060 tokens"

    def test_a_day_without_usage_has_dots_instead_of_numbers(self, machine: MadeMachine) -> None:
        machine.tree.put_turn(message(session(), Tokens(input=7)))
        lines = drawn(view_table(machine.view("timeline", "week", now=AT_T0)))
        assert [set(line.split()[1:]) for line in lines[2:8]] == [{"·"}] * 6
        assert lines[8].split()[:2] == ["2026-01-23", "7"]

    @pytest.mark.parametrize("name", [name for name in VIEW_NAMES if name != "timeline"])
    def test_a_view_without_messages_in_the_range_says_what_to_try(self, name: ViewName, machine: MadeMachine) -> None:
        machine.tree.put_turn(message(session(), Tokens(input=1)))
        lines = drawn(view_table(machine.view(name, "today", now=AT_T0 + timedelta(days=40))), 100)
        assert "No completed messages today. --range all shows all messages." in lines
        assert "Newest message: 40 d ago." in lines
        assert "Total" not in "\n".join(lines)

    def test_an_agent_is_shown_with_its_configured_model(self, machine: MadeMachine) -> None:
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

    def test_each_running_process_is_a_line_with_its_mode(self, machine: MadeMachine) -> None:
        processes = [
            self.process(123, ProcessMode.CLI, f"{Path.home()}/work/app", 0.123),
            self.process(77, ProcessMode.SERVER, "", 1.5),
            self.process(9, ProcessMode.LSP, "/srv/\x1b[31m", 0.0),
        ]
        lines = drawn(view_table(with_processes(machine.view("overview", now=AT_T0), processes)))
        assert lines[:5] == [
            "Running OpenCode: 3 processes",
            "PID  Mode       CPU  Memory       Up  Directory",
            "123  CLI      12.3%  512 MB  3:00:00  ~/work/app",
            "77   Server  150.0%  512 MB  3:00:00  ·",
            "9    LSP       0.0%  512 MB  3:00:00  /srv/\N{REPLACEMENT CHARACTER}[31m",
        ]
        narrow = drawn(view_table(with_processes(machine.view("overview", now=AT_T0), processes)), 32)
        assert narrow[1:3] == ["PID  Mode       CPU  Memory    …", "123  CLI      12.3%  512 MB  3:…"]

    def test_a_process_is_up_for_so_long_as_a_clock_has_it(self) -> None:
        for seconds, shown in ((-5, "0:00:00"), (2_358, "0:39:18"), (86_399, "23:59:59"), (93_900, "1 d 02:05")):
            assert words.uptime(timedelta(seconds=seconds)) == shown

    def test_if_no_process_runs_the_overview_says_so(self, machine: MadeMachine) -> None:
        assert drawn(view_table(machine.view("overview", now=AT_T0)))[0] == "No OpenCode process is running."


def test_tokens_in_two_categories_are_a_footnote_unless_the_accounting_is_disjoint(machine: MadeMachine) -> None:
    machine.has("opencode-0.5.x")
    recorded = "\n".join(drawn(view_table(machine.view("models")), 160))
    disjoint = "\n".join(drawn(view_table(machine.view("models", accounting="disjoint")), 160))
    assert "of these tokens are counted in two categories; --accounting disjoint counts each token once." in recorded
    assert "two categories" not in disjoint


def test_a_session_that_moved_counts_in_both_projects_and_once_in_the_total(machine: MadeMachine) -> None:
    of = session()
    machine.tree.put_turn(
        message(of, Tokens(input=1), counter=1, changes={"path": {"cwd": PERSONA, "root": "/"}}),
        message(of, Tokens(input=2), counter=2, at=T0 + 1000),
    )
    lines = drawn(view_table(machine.view("projects")), 120)
    assert next(line for line in lines if line.startswith("Total")).split()[1] == "1"
    assert (
        "A session that moved to another project counts in both: the rows add up to 1 session more than the total."
        in lines
    )


def test_warnings_come_first_and_hints_last(machine: MadeMachine) -> None:
    machine.tree.put_turn(message(session(), Tokens(input=1)))
    found = replace(machine.view("models", now=AT_T0), warnings=("beware\x1b", "mind"), hints=("by the way",))
    lines = drawn(view_table(found))
    assert lines[lines.index("") + 1 :] == [
        "Warning: beware\N{REPLACEMENT CHARACTER}",
        "Warning: mind",
        "Newest message: 22 s ago.",
        "by the way",
    ]


def test_what_ran_outside_any_project_is_global_or_a_directory_of_its_own(machine: MadeMachine) -> None:
    machine.tree.put_turn(message(session(project=GLOBAL, directory="/tmp/x"), Tokens(input=1)))
    assert any(line.startswith("(global)") for line in drawn(view_table(machine.view("projects"))))
    assert any(
        line.startswith("(global) /tmp/x") for line in drawn(view_table(machine.view("projects", separate_global=True)))
    )


def test_without_data_it_says_where_it_looked_and_what_to_do() -> None:
    assert drawn(no_data([Path("/a b/[x]")]), 200) == [
        "No data available. Looked in:",
        "  /a b/[x]",
        "Use OpenCode once, or set XDG_DATA_HOME or OTEL_AGENT_DATA_DIRS if its data is elsewhere.",
    ]

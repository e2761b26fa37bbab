"""Each key of the live screen does one thing, and news arrives without disturbing anybody."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.binding import Binding

from otel_agent.errors import LedgerError
from otel_agent.intake.catch_up import catch_up
from otel_agent.ledger.migration_progress import OnMigration
from otel_agent.ledger.place import ledger_path
from otel_agent.ledger.reading import Reading
from otel_agent.ledger.writer import open_ledger
from otel_agent.model import ProcessMode, ProcessSample
from otel_agent.settings import Settings
from otel_agent.summary.live.app import Live
from otel_agent.summary.live.boxes import Box
from otel_agent.summary.live.keys import ROW_KEYS, SCREEN_KEYS, name_of_key
from otel_agent.summary.live.row_list import RowList
from otel_agent.summary.machine import Machine
from otel_agent.summary.question import Question
from otel_agent.summary.session_detail import SessionDetail
from otel_agent.summary.view import VIEW_NAMES, Process, View, ViewName
from tests.summary.live.driving import Screen, asking, drive, lines, press, seen, settled, tick
from tests.summary.made_machine import MadeMachine, with_processes
from tests.support.made_stores import T0, Project, Tokens, message, session

NOW = datetime.fromtimestamp(T0 / 1000, UTC) + timedelta(minutes=5)
ASK = asking(lambda: NOW)


class MadeSource:
    """A machine that updates its ledger only when a test asks for it, and runs the processes that it is given."""

    def __init__(self, machine: MadeMachine) -> None:
        self._settings = Settings(state_dir=machine.state_dir)
        self._real = Machine(self._settings, lambda: NOW)
        self.running: list[Process] = []
        self.trouble: LedgerError | None = None
        self.asked: list[ViewName] = []
        self.before: Callable[[ViewName], None] = lambda _: None
        self.caught_up()

    def view(self, name: ViewName, question: Question) -> View:
        self.asked.append(name)
        self.before(name)
        if self.trouble is not None:
            raise self.trouble
        found = self._real.view(name, question)
        return with_processes(found, self.running) if found.activity else found

    def session(self, session_id: str) -> SessionDetail:
        if self.trouble is not None:
            raise self.trouble
        return self._real.session(session_id)

    def processes(self) -> list[Process]:
        return self.running

    def changed(self) -> bool:
        return self._real.changed()

    def follow(
        self, until: threading.Event, on_error: Callable[[LedgerError], None], on_migration: OnMigration
    ) -> None:
        """Do nothing: the tests decide when the ledger changes."""

    def caught_up(self) -> None:
        catch_up(self._settings)


def put(machine: MadeMachine, number: int, tokens: int, minutes: int = 0, **fields: Any) -> None:
    """Write a session of its own with one message, so many minutes before `T0`."""
    at = T0 - minutes * 60_000
    of_message = {key: fields.pop(key) for key in ("model", "provider", "agent") if key in fields}
    of = session(created=at, counter=number, **({"title": f"session {number}"} | fields))
    machine.tree.put_turn(message(of, Tokens(input=tokens), at=at, counter=number, completed=at + 1, **of_message))


@pytest.fixture
def source(machine: MadeMachine) -> MadeSource:
    app = Project(id="a" * 40, worktree="/home/dev/app")
    put(machine, 1, 100, model="gpt", agent="build", project=app, directory=app.worktree)
    put(machine, 2, 20, model="glm", agent="plan")
    put(machine, 3, 3, minutes=3 * 24 * 60, model="glm", agent="plan")
    put(machine, 4, 5000, minutes=60 * 24 * 60, model="old", agent="build")
    return MadeSource(machine)


def where(app: Live) -> str:
    return lines(app)[2].strip()


def total(app: Live) -> str:
    """Return the number of tokens in the line below the rows."""
    found = re.search(r"([\d,]+) tokens?", next(line for line in lines(app) if re.match(r" [\d,]+ (rows?|of)", line)))
    assert found is not None
    return found[1]


def keys_of(app: Live) -> list[str]:
    return app.query_one(RowList).keys


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
        assert where(app).startswith("Timeline")

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
        ("4", "zai-coding-plan/glm", "Sessions / zai-coding-plan/glm", "23"),
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
        await press(pilot, app, *["down"] * keys_of(app).index(row), "enter")
        assert where(app).split("   ")[0] == trail
        assert total(app) == tokens
        await press(pilot, app, "enter")
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
        await press(pilot, app, "enter", "enter")
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


class TestMeanwhile:
    """Something happens while a person looks at the screen."""

    def test_a_new_session_appears_by_itself_and_the_cursor_stays_on_its_row(
        self, machine: MadeMachine, source: MadeSource
    ) -> None:
        async def steps(pilot: Screen, app: Live) -> None:
            await press(pilot, app, "2", "down", "down")
            at = keys_of(app)[2]
            put(machine, 9, 7, title="the newest")
            source.caught_up()
            await tick(pilot, app)
            rows = app.query_one(RowList)
            assert len(keys_of(app)) == 5
            assert keys_of(app)[rows.cursor] == at

        drive(source, ASK, steps)

    def test_nothing_is_asked_if_nothing_happened(self, source: MadeSource) -> None:
        async def steps(pilot: Screen, app: Live) -> None:
            await press(pilot, app, "2")
            await tick(pilot, app)
            asked = list(source.asked)
            for _ in range(5):
                await tick(pilot, app)
            assert source.asked == asked

        drive(source, ASK, steps)

    def test_the_cursor_stays_when_a_number_grows(self, machine: MadeMachine, source: MadeSource) -> None:
        async def steps(pilot: Screen, app: Live) -> None:
            await press(pilot, app, "5", "down")
            put(machine, 9, 1, agent="build")
            source.caught_up()
            await tick(pilot, app)
            assert total(app) == "5,124"
            assert app.query_one(RowList).cursor == 1

        drive(source, ASK, steps)

    def test_processes_come_and_go_each_second(self, source: MadeSource) -> None:
        def running(pid: int) -> Process:
            sample = ProcessSample(
                pid=pid,
                created_s=NOW.timestamp() - 60,
                mode=ProcessMode.CLI,
                executable="opencode",
                directory="/home/dev/[app]",
                cpu_s=1.0,
                rss_bytes=2**20,
                vms_bytes=2**20,
                threads=1,
                file_descriptors=1,
            )
            return Process(sample, 0.5)

        async def steps(pilot: Screen, app: Live) -> None:
            assert "No OpenCode process is running." in seen(app)
            source.running = [running(4711)]
            await tick(pilot, app)
            assert re.search(r"4711 +CLI +50.0% +1 MB +1 min +/home/dev/\[app\]", seen(app))
            source.running = []
            await tick(pilot, app)
            assert "4711" not in seen(app)

        drive(source, ASK, steps)

    def test_a_slow_answer_blocks_no_key_and_is_dropped_when_it_is_late(self, source: MadeSource) -> None:
        held, released = threading.Event(), threading.Event()

        def before(name: ViewName) -> None:
            if name == "sessions":
                held.set()
                assert released.wait(30)

        async def steps(pilot: Screen, app: Live) -> None:
            source.before = before
            await pilot.press("2")
            while not held.is_set():
                await pilot.pause()
            assert app.query_one(RowList).loading
            await pilot.press("4")
            while app._shown is None or app._shown.name != "models":
                await pilot.pause()
            released.set()
            await settled(pilot, app)
            assert where(app).startswith("Models")
            assert "zai-coding-plan/old" in seen(app)

        drive(source, ASK, steps)

    def test_a_tab_shows_its_last_answer_until_the_new_one_is_there(self, source: MadeSource) -> None:
        held, released = threading.Event(), threading.Event()

        def before(name: ViewName) -> None:
            if name == "sessions":
                held.set()
                assert released.wait(30)

        async def steps(pilot: Screen, app: Live) -> None:
            await press(pilot, app, "2", "4")
            source.before = before
            await pilot.press("2")
            while not held.is_set():
                await pilot.pause()
            assert not app.query_one(RowList).loading
            assert where(app) == "Sessions   all time"
            assert len(keys_of(app)) == 4
            # The answer to another range would be misread.
            held.clear()
            await pilot.press("4", "t", "2")
            while not held.is_set():
                await pilot.pause()
            assert app.query_one(RowList).loading
            released.set()
            await settled(pilot, app)
            assert where(app).startswith("Sessions   today")

        drive(source, ASK, steps)

    def test_an_error_is_shown_above_the_old_answer_until_it_passes(self, source: MadeSource) -> None:
        async def steps(pilot: Screen, app: Live) -> None:
            await press(pilot, app, "4")
            source.trouble = LedgerError("the ledger [is] locked")
            shown = "\n".join(await press(pilot, app, "r"))
            assert "the ledger [is] locked. Showing data as of " in shown
            assert "zai-coding-plan/old" in shown
            source.trouble = None
            shown = "\n".join(await press(pilot, app, "r"))
            assert "locked" not in shown

        drive(source, ASK, steps)

    def test_the_screen_survives_a_ledger_that_goes_away_and_comes_back(
        self, machine: MadeMachine, source: MadeSource
    ) -> None:
        async def steps(pilot: Screen, app: Live) -> None:
            await press(pilot, app, "4")
            for path in machine.state_dir.iterdir():
                path.unlink()
            await tick(pilot, app)
            assert total(app) == "0"
            source.caught_up()
            await tick(pilot, app)
            assert total(app) == "5,123"
            ledger_path(machine.state_dir).write_bytes(b"no database" * 999)
            shown = "\n".join(await tick(pilot, app))
            assert "cannot read the ledger" in shown
            assert "zai-coding-plan/old" in shown

        drive(source, ASK, steps)


@pytest.mark.parametrize("size", [(40, 10), (60, 15), (80, 24), (200, 60)])
def test_a_terminal_of_any_size_shows_rows_and_totals(size: tuple[int, int], source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await pilot.resize_terminal(*size)
        for number in range(2, 7):
            shown = "\n".join(await press(pilot, app, str(number), "a"))
            assert "5,123" in shown
            assert max(map(len, shown.splitlines())) <= size[0]

    drive(source, ASK, steps)


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


def note(machine: MadeMachine, reading: Reading | None) -> None:
    """Write how far a reading is, as the process that reads does."""
    ledger = open_ledger(machine.state_dir, now_ns=T0 * 1_000_000, backfill_from_ms=0)
    with ledger.transaction():
        if reading is None:
            ledger.history.end()
        else:
            ledger.history.note(reading)
    ledger.close()


@pytest.mark.parametrize("view", ["1", "4"], ids=["overview", "models"])
def test_a_line_follows_the_reading_of_history_up_to_its_end(
    view: str, source: MadeSource, machine: MadeMachine
) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, view)
        for looked_at in (36, 72):
            note(machine, Reading(looked_at, 100))
            shown = await tick(pilot, app)
            assert shown[3].strip() == f"Still reading history: {looked_at} %; totals are incomplete."
            assert [line for line in shown if line.rstrip().endswith(" tokens so far")]
        note(machine, None)
        ended = "\n".join(await tick(pilot, app))
        assert "history" not in ended
        assert "so far" not in ended

    drive(source, ASK, steps)


def test_a_line_follows_the_upgrade_of_the_ledger(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        app._show_upgrade(36, 100)
        await settled(pilot, app)
        assert lines(app)[3].strip() == "Upgrading the ledger: 36 %"
        app._show_upgrade(1, 1)
        await settled(pilot, app)
        assert "Upgrading" not in seen(app)

    drive(source, ASK, steps)


def test_without_data_every_view_says_when_it_will_come(machine: MadeMachine, tmp_path: Path) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        for number in range(1, 7):
            await press(pilot, app, str(number))
            assert total(app) == "0"
            assert "No data yet. It appears here as soon as OpenCode writes some." in seen(app)

    drive(MadeSource(machine), ASK, steps)

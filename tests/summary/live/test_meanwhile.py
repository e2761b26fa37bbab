"""News arrives on the live screen without disturbing anybody."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter

import pytest

from otel_agent.errors import LedgerError
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.place import ledger_path
from otel_agent.ledger.reading import Reading
from otel_agent.summary.live import answering
from otel_agent.summary.live.app import Live
from otel_agent.summary.live.row_list import RowList
from otel_agent.summary.view import ViewName
from tests.summary.live.driving import Screen, drive, lines, press, seen, settled, tick
from tests.summary.live.made_source import ASK, MadeSource, keys_of, put, running, total, where
from tests.summary.made_machine import MadeMachine
from tests.support.made_stores import T0


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

    def test_one_thread_looks_for_news_and_one_keeps_the_ledger_up_to_date(self, source: MadeSource) -> None:
        async def steps(pilot: Screen, app: Live) -> None:
            groups = Counter(worker.group for worker in app.workers if worker.group != "answer")
            # The made-up source ends its thread at once.
            assert groups["look on"] == 1
            assert source.followed == 1

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
        async def steps(pilot: Screen, app: Live) -> None:
            assert "No OpenCode process is running." in seen(app)
            source.running = [running(4711, "/home/dev/[app]")]
            await tick(pilot, app)
            assert re.search(r"4711 +CLI +50.0% +1 MB +0:01:\d\d +/home/dev/\[app\]", seen(app))
            source.running = []
            await tick(pilot, app)
            assert "4711" not in seen(app)

        drive(source, ASK, steps)

    def test_the_screen_looks_for_processes_by_itself(
        self, source: MadeSource, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Long before it asks for the whole overview again."""
        monkeypatch.setattr(answering, "_LOOK_SECONDS", 0.02)

        async def steps(pilot: Screen, app: Live) -> None:
            asked = list(source.asked)
            source.running = [running(4711, "/home/dev/app")]
            async with asyncio.timeout(10):
                while "4711" not in seen(app):
                    await pilot.pause(0.05)
            assert source.asked == asked

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
            assert [line for line in shown if re.search(r"tokens so far$|Total so far +120", line.rstrip(" │"))]
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

"""The loop's own decisions, with a clock of ours: when it looks, and what it says of a ledger that cannot be written."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from otel_agent.agent.sender import ThreadSender
from otel_agent.errors import LedgerError
from otel_agent.intake.watch import Watch
from otel_agent.model import SendResult
from tests.agent.clockwork import ACCEPTED, WALL_NS, Clockwork, clockwork
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.waiting import eventually

USED = Tokens(700, 50, 20, 300, 9)
TOKENS = "opencode.token.usage"


@pytest.fixture
def tree(tmp_path: Path) -> JsonTree:
    return JsonTree(tmp_path / "opencode")


def write(tree: JsonTree, driven: Clockwork | None = None, number: int = 0) -> None:
    """Write one message that was completed half a minute ago."""
    now_ns = WALL_NS if driven is None else driven.clock.wall_ns()
    tree.put_turn(message(session(), USED, now_ns // 10**6 - 30_000, number))


@contextmanager
def full_disk(driven: Clockwork) -> Iterator[None]:
    """Fail each transaction, as a full disk does."""
    ledger = driven.agent.spans._ledger

    @contextmanager
    def fails() -> Iterator[None]:
        raise LedgerError("cannot use the ledger: database or disk is full")
        yield

    works = ledger.transaction
    ledger.transaction = fails  # type: ignore[method-assign]
    try:
        yield
    finally:
        ledger.transaction = works  # type: ignore[method-assign]


class TestFullDisk:
    """A ledger that cannot be written is a state: it begins with one line in the log, and ends with one that is true."""

    def test_that_it_works_again_is_said_only_after_it_was_written(
        self, tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        write(tree)
        with clockwork(tmp_path, monkeypatch) as driven:
            driven.run_for(60)
            with full_disk(driven):
                write(tree, driven, 1)
                driven.run_for(600)
                assert sum("cannot use the ledger" in line for line in caplog.messages) == 1
                assert not any("can be written again" in line for line in caplog.messages)
            driven.run_for(200)
            assert sum("the ledger can be written again; 2 spans pending" in line for line in caplog.messages) == 1

    def test_its_line_says_what_waits(
        self, tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        write(tree)
        with clockwork(tmp_path, monkeypatch) as driven:
            driven.backend.answers["traces"] = SendResult(accepted=False, reason="away")
            driven.run_for(60)
            with full_disk(driven):
                write(tree, driven, 1)
                driven.run_for(60)
        (line,) = [line for line in caplog.messages if "cannot use the ledger" in line]
        assert "2 spans pending" in line
        assert "nothing is lost" in line

    def test_what_could_not_be_counted_is_counted_within_seconds_once_there_is_room(
        self, tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with clockwork(tmp_path, monkeypatch) as driven:
            driven.run_for(60)
            with full_disk(driven):
                write(tree, driven)
                driven.run_for(600)
            driven.run_for(6)
            assert driven.agent.ingest.stores
            assert driven.agent.spans._ledger.messages.newest_ms() is not None


def test_a_tree_that_sends_no_events_is_looked_at_by_every_pass(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long after the last change, when no folder is young any more."""
    monkeypatch.setattr(Watch, "blind", property(lambda _: True))
    monkeypatch.setattr(Watch, "set_folders", lambda *_: False)
    write(tree)
    with clockwork(tmp_path, monkeypatch) as driven:
        driven.run_for(100)
        write(tree, driven, 1)
        driven.run_for(5)
        assert driven.backend.spans.count("chat glm-4.7") == 2


def test_a_watched_tree_is_looked_at_twice_a_minute(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watch, "set_folders", lambda *_: False)
    write(tree)
    with clockwork(tmp_path, monkeypatch) as driven:
        driven.run_for(100)
        write(tree, driven, 1)
        driven.run_for(33)
        assert driven.backend.spans.count("chat glm-4.7") == 2


def test_after_a_new_watch_all_folders_are_looked_at_once_more(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was written after the look and before the watch sent no hint."""
    write(tree)
    with clockwork(tmp_path, monkeypatch) as driven:
        added: list[bool] = [False]

        def set_folders(*_: object) -> bool:
            if added and driven.clock.now > 50:
                added.clear()
                write(tree, driven, 1)
                return True
            return False

        monkeypatch.setattr(Watch, "set_folders", set_folders)
        driven.run_for(50)
        driven.run_for(5)
        assert driven.backend.spans.count("chat glm-4.7") == 2


def test_giving_up_closes_both_ways_out(tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch) -> None:
    with clockwork(tmp_path, monkeypatch) as driven:
        closed: list[str] = []
        monkeypatch.setattr(driven.agent.spans, "close", lambda: closed.append("traces"))
        monkeypatch.setattr(driven.agent.metrics, "close", lambda: closed.append("metrics"))
        driven.loop.give_up()
        assert sorted(closed) == ["metrics", "traces"]


class TestThreadSender:
    """The thread that has a request under way."""

    def test_it_sends_one_after_the_other_and_wakes_with_each_result(self) -> None:
        woken = threading.Event()
        sender = ThreadSender[int](lambda number: SendResult(accepted=True, rejected=number), woken.set, "test")
        for number in range(3):
            sender.begin(number)
            eventually(woken.is_set, True)
            woken.clear()
            assert sender.take() == SendResult(accepted=True, rejected=number)
            assert sender.take() is None
        sender.close()
        eventually(sender._thread.is_alive, False)

    def test_it_never_waits_and_never_outlives_the_process(self) -> None:
        hanging = threading.Event()

        def send(_: int) -> SendResult:
            hanging.wait()
            return ACCEPTED

        sender = ThreadSender[int](send, lambda: None, "test")
        sender.begin(1)
        try:
            assert sender.take() is None
            assert sender._thread.daemon
        finally:
            sender.close()
            hanging.set()
        eventually(sender._thread.is_alive, False)

    def test_one_that_sent_nothing_has_no_thread(self) -> None:
        sender = ThreadSender[int](lambda _: ACCEPTED, lambda: None, "test")
        sender.close()
        assert not sender._thread.is_alive()

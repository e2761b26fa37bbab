"""What OpenCode writes while a live screen is open is counted soon; while nobody writes, the ledger is left alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from otel_agent.intake import following
from otel_agent.intake.following import Following
from otel_agent.intake.watch import Hints, Watch
from otel_agent.ledger.answers import Scope
from otel_agent.ledger.hold import Hold
from otel_agent.ledger.queries import open_to_read
from otel_agent.opencode.locations import WatchedFolder
from otel_agent.settings import Settings
from tests.support.made_stores import JsonTree, Tokens, message, session

PATIENCE_SECONDS = 30
"""Time for an event to arrive on a slow and busy machine."""


class Screen:
    """Follows with a clock of its own."""

    def __init__(self, tmp_path: Path) -> None:
        self.tree = JsonTree(tmp_path / "data" / "opencode")
        self.state_dir = tmp_path / "state"
        self.now = 1_000.0
        self.following = Following(
            Settings(state_dir=self.state_dir, data_dirs=(tmp_path / "data" / "opencode",)), now=lambda: self.now
        )

    def put(self, number: int) -> None:
        """Write a message into the session of all messages here."""
        self.tree.put_turn(message(session(), Tokens(input=1), counter=number))

    def pass_time(self, seconds: float) -> None:
        """Step every tenth of a second, on our clock and not on the wall's."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.following.step()

    @property
    def counted(self) -> int:
        with open_to_read(self.state_dir) as ledger:
            return 0 if ledger is None else ledger.usage(Scope()).messages


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    made = Screen(tmp_path)
    yield made
    made.following.close()


def test_a_message_is_counted_because_an_event_reports_it(screen: Screen) -> None:
    screen.put(1)
    screen.pass_time(5)
    assert screen.counted == 1
    screen.put(2)
    # So little passes on our clock that the look at everything is not due: only an event can bring the message.
    pause = threading.Event()
    for _ in range(PATIENCE_SECONDS * 20):
        screen.now += 0.01
        screen.following.step()
        if screen.counted == 2:
            break
        pause.wait(0.05)
    assert screen.counted == 2


def test_while_nobody_writes_the_ledger_is_left_alone(screen: Screen) -> None:
    screen.put(1)
    screen.pass_time(5)
    lock = screen.state_dir / "ledger.lock"
    lock.unlink()
    screen.pass_time(20)
    assert not lock.exists()
    screen.pass_time(15)
    assert lock.exists(), "now and then everything is looked at, because events get lost"


def test_a_store_that_appears_later_is_found(screen: Screen) -> None:
    screen.pass_time(5)
    screen.put(1)
    screen.pass_time(5)
    assert screen.counted == 1


def test_beside_an_agent_nothing_is_counted_and_after_it_everything(screen: Screen) -> None:
    hold = Hold(screen.state_dir)
    screen.put(1)
    screen.pass_time(5)
    assert screen.counted == 0
    hold.release()
    screen.pass_time(5)
    assert screen.counted == 1


def test_an_agent_that_starts_ends_the_watches_of_the_screen(screen: Screen) -> None:
    """It watches by itself. When it has gone, the screen watches again."""
    screen.put(1)
    screen.pass_time(5)
    assert screen.following._watch is not None
    hold = Hold(screen.state_dir)
    screen.pass_time(40)
    assert screen.following._watch is None
    hold.release()
    screen.pass_time(5)
    assert screen.following._watch is not None


def test_what_was_written_before_the_watch_existed_is_counted_soon(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sent no hint, and the look at everything comes half a minute later."""

    class Late(Watch):
        def set_folders(self, folders: Iterable[WatchedFolder]) -> bool:
            if screen.counted == 1:
                screen.put(2)
            return super().set_folders(folders)

        def take(self) -> Hints:
            return Hints()

    monkeypatch.setattr(following, "Watch", Late)
    screen.put(1)
    screen.pass_time(15)
    assert screen.counted == 2


def test_if_nothing_can_be_watched_everything_is_looked_at_every_few_seconds(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otel_agent.opencode.locations._why_no_events", lambda _: "it is on nfs")
    screen.put(1)
    screen.pass_time(5)
    screen.put(2)
    # A pass on a busy machine can take a second, and then the next one comes twenty seconds later.
    screen.pass_time(25)
    assert screen.counted == 2

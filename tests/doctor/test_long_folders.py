"""The doctor says of a very long folder that it is being listed, and not that it does not answer."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_agent.doctor import opencode_checks, permission, watching
from otel_agent.doctor.finding import Finding, Verdict
from otel_agent.intake import watch_counts
from otel_agent.opencode import answering, long_listings
from otel_agent.opencode.bounded_files import is_folder, listing
from otel_agent.settings import Settings
from tests.support.made_stores import JsonTree, Tokens, message, session

SESSIONS = 30
IN_TIME = 12
"""Folders that are looked at before the rest takes too long. A note is made after every ten."""


class Slow:
    """Lets so many looks through at once, and the others at the end of the test."""

    def __init__(self) -> None:
        self.may_look = threading.Semaphore(IN_TIME)

    def __call__(self, *_: object) -> bool:
        self.may_look.acquire()
        return True


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    monkeypatch.setattr(long_listings, "_AT_ONCE", 10)
    monkeypatch.setattr(answering, "PATIENCE_SECONDS", 0.2)
    found = Slow()
    yield found
    found.may_look.release(10 * SESSIONS)
    for question in answering._hanging.values():
        question.thread.join(30)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Thirty sessions in one tree."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("OPENCODE_DB", raising=False)
    tree = JsonTree(tmp_path / "data")
    for number in range(SESSIONS):
        tree.put_turn(message(session(counter=number), Tokens(input=1), counter=number))
    return Settings(state_dir=tmp_path / "state", data_dirs=(tmp_path / "data",), discover_stores=False)


def test_a_tree_with_very_many_sessions_is_busy_while_their_permissions_are_looked_at(
    settings: Settings, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permission, "is_folder", slow)
    (store,) = [each for each in opencode_checks.stores(settings) if each.link == "store"]
    assert store.verdict is Verdict.WARNING
    assert f"{settings.data_dirs[0]}{os.sep}storage{os.sep}message, 10 entries so far" in store.seen
    assert "does not answer" not in store.seen


def test_watches_are_not_counted_while_a_very_long_folder_is_listed(
    settings: Settings, slow: Slow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(watching, "is_folder", slow)
    assert _watching(settings, tmp_path) == Finding(
        "watching", Verdict.SKIPPED, "a store has a very long folder, whose listing takes time", "Ask again in a while."
    )


def test_the_folders_in_a_link_in_a_circle_hide_no_others(settings: Settings) -> None:
    messages = settings.data_dirs[0] / "storage" / "message"
    (messages / "circle").symlink_to("circle")
    (messages / "file").touch()
    assert watching._folders(messages) == SESSIONS
    assert watch_counts._folders_in(str(messages)) == SESSIONS
    assert sum(map(is_folder, listing(messages, []))) == SESSIONS


def _watching(settings: Settings, proc: Path) -> Finding:
    limits = proc / "sys" / "fs" / "inotify"
    limits.mkdir(parents=True)
    (limits / "max_user_watches").write_text("1000")
    (limits / "max_user_instances").write_text("100")
    (finding,) = watching.watching(settings, proc)
    return finding

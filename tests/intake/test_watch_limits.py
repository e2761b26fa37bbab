"""Folders that cannot be watched are said once, polled, and tried again, and lost events mean a look at everything."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.observers import Observer
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

from otel_agent.intake import watch as watching
from otel_agent.intake.retry import Retry
from otel_agent.intake.watch import Watch, watch_trouble
from otel_agent.intake.watch_counts import unwatched, watches_of, watches_wanted
from otel_agent.opencode.locations import WatchedFolder
from tests.support.waiting import eventually

LONG_AGO = "2020-01-01T00:00:00+00:00"


class Moments:
    """Seconds that pass only when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def moments() -> Moments:
    return Moments()


@pytest.fixture
def woken() -> threading.Event:
    return threading.Event()


@pytest.fixture
def watch(woken: threading.Event, moments: Moments) -> Iterator[Watch]:
    watch = Watch(woken, moments)
    yield watch
    watch.close()


@pytest.fixture
def place(tmp_path: Path) -> WatchedFolder:
    tree = tmp_path / "tree"
    for number in range(4):
        (tree / f"ses_{number}").mkdir(parents=True)
    return WatchedFolder(str(tree), recursive=True)


class Kernel:
    """Refuses watches below a path, as a kernel does whose user has none left. The rest is the real one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refused = ""
        real = InotifyFD.add_callback

        def add(fd: InotifyFD, path: bytes, *arguments: object) -> WatchDescriptor:
            if self.refused and os.fsdecode(path).startswith(self.refused):
                raise OSError(28, "inotify watch limit reached")
            return real(fd, path, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(InotifyFD, "add_callback", add)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(monkeypatch)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == watching.__name__]


def test_folders_inside_a_tree_without_a_watch_are_said_once_and_polled(
    watch: Watch, moments: Moments, place: WatchedFolder, kernel: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    """watchdog passes over them in silence, and their sessions were seen after half a minute only."""
    kernel.refused = f"{place.folder}/ses_"
    for _ in range(4):
        watch.set_folders([place])
        moments.now += 5
    assert watch.blind
    assert not watch.is_complete
    (sentence,) = said(caplog)
    assert sentence.startswith("cannot watch 4 of 5 folders (inotify watch limit reached; the limits are ")
    assert sentence.endswith("all are polled every rescan_interval_seconds instead")


def test_the_watches_begin_again_when_the_limit_was_raised(
    watch: Watch, moments: Moments, place: WatchedFolder, kernel: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    kernel.refused = f"{place.folder}/ses_"
    for _ in range(2):
        watch.set_folders([place])
    kernel.refused = ""
    moments.now += 31
    assert watch.set_folders([place]), "what was written meanwhile gave no hint"
    assert not watch.blind
    assert watch.is_complete
    assert said(caplog)[-1] == "all folders are watched again"


@pytest.mark.parametrize("recursive", [True, False], ids=["a tree", "a folder"])
def test_a_folder_that_could_not_be_watched_at_all_is_tried_again(
    watch: Watch,
    moments: Moments,
    tmp_path: Path,
    kernel: Kernel,
    caplog: pytest.LogCaptureFixture,
    recursive: bool,
) -> None:
    caplog.set_level(logging.INFO)
    place = WatchedFolder(str(tmp_path), recursive=recursive, endings=("",))
    kernel.refused = str(tmp_path)
    for _ in range(3):
        assert not watch.set_folders([place])
        moments.now += 1
    assert watch.blind is recursive
    kernel.refused = ""
    assert not watch.set_folders([place])
    moments.now += 31
    assert watch.set_folders([place])
    assert watch.is_complete
    assert len(said(caplog)) == 2
    assert said(caplog)[-1] == "all folders are watched again"


def test_an_agent_without_an_inotify_instance_gets_one_later(
    watch: Watch, moments: Moments, place: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise OSError(24, "inotify instance limit reached")

    with monkeypatch.context() as limited:
        limited.setattr(Observer, "start", refuse)
        assert not watch.set_folders([place])
        assert watch.blind
        assert watch_trouble([place]) == "no inotify instance"
    moments.now += 31
    assert watch.set_folders([place])
    assert not watch.blind


def test_events_that_the_kernel_dropped_mean_that_everything_may_have_changed(
    watch: Watch, woken: threading.Event, place: WatchedFolder
) -> None:
    watch.set_folders([place])
    watch.take()
    overflow = InotifyEvent(WatchDescriptor(-1), Mask(InotifyConstants.IN_Q_OVERFLOW), 0, b"")
    InotifyFD.get_instance().handle_event(overflow)
    assert woken.is_set()
    assert watch.take().paths is None
    assert watch.take().paths == frozenset()


def test_a_folder_that_is_made_again_with_the_same_inode_is_watched_again(
    watch: Watch, woken: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File systems give a free inode to the next folder at once: nothing but the end of the watch shows it."""
    folder = tmp_path / "tree"
    folder.mkdir()
    monkeypatch.setattr(watching, "_inode", lambda _: 7)
    place = WatchedFolder(str(folder), recursive=True)
    assert watch.set_folders([place])
    shutil.rmtree(folder)
    folder.mkdir()
    eventually(lambda: watch.set_folders([place]), True)
    woken.clear()
    watch.take()
    (folder / "a.json").write_text("{}")
    assert woken.wait(20)
    found: set[str] = set()
    eventually(lambda: str(folder / "a.json") in found.union(watch.take().paths or ()), True)


def test_a_folder_that_was_moved_away_and_replaced_is_watched_again(
    watch: Watch, woken: threading.Event, tmp_path: Path
) -> None:
    """The old watch lives on, at another place. A restored backup looks like this."""
    folder = tmp_path / "tree"
    folder.mkdir()
    place = WatchedFolder(str(folder), recursive=False, endings=(".db",))
    assert watch.set_folders([place])
    folder.rename(tmp_path / "before")
    folder.mkdir()
    assert watch.set_folders([place])
    assert not watch.set_folders([place]), "it is the same folder now"
    woken.clear()
    (folder / "opencode.db").write_text("x")
    assert woken.wait(20)


def test_a_folder_behind_a_link_is_watched(watch: Watch, woken: threading.Event, tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real, target_is_directory=True)
    watch.set_folders([WatchedFolder(str(link), recursive=False, endings=(".db",))])
    (real / "opencode.db").write_text("x")
    assert woken.wait(20)


def test_a_file_that_is_renamed_into_a_watched_folder_gives_a_hint_at_its_new_name(
    watch: Watch, tmp_path: Path
) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "a.tmp").write_text("{}")
    watch.set_folders([WatchedFolder(str(folder), recursive=False, endings=(".json",))])
    (folder / "a.tmp").rename(folder / "a.json")
    eventually(lambda: str(folder / "a.json") in (watch.take().paths or ()), True)


def test_the_kernels_list_says_how_many_folders_a_process_watches(watch: Watch, place: WatchedFolder) -> None:
    before = watches_of(os.getpid())
    if before is None:
        pytest.skip("this system has no such list")
    watch.set_folders([place])
    assert watches_of(os.getpid()) == before + 5
    assert watches_wanted([place]) == 5
    assert watches_wanted([place, WatchedFolder(place.folder, True, no_events="it is on nfs")]) == 5
    assert watches_wanted([WatchedFolder(f"{place.folder}/gone", True)]) == 0


def test_an_agent_that_watches_too_little_is_named_unless_it_has_just_begun(place: WatchedFolder) -> None:
    if watches_of(os.getpid()) is None:
        pytest.skip("this system has no such list")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert unwatched(other.pid, LONG_AGO, [place]) == "the running agent watches 0 of 5"
        assert unwatched(other.pid, "2999-01-01T00:00:00+00:00", [place]) == ""
        other.kill()
    assert unwatched(2**30, LONG_AGO, [place]) == "", "a process that is not there"


def test_tries_become_rarer() -> None:
    retry, tries = Retry(), []
    for second in range(3_000):
        if second == 0 or retry.is_due(second):
            tries.append(second)
            retry.plan(second)
    assert tries[:6] == [0, 30, 90, 210, 450, 930]
    assert tries[6] == 1_530, "never later than ten minutes after the last one"

"""The watch hints at what changed in its folders, and at nothing else."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from otel_agent.intake.watch import Watch
from otel_agent.opencode.locations import WatchedFolder

SOON_S = 20.0
"""Time that "soon" may take on a slow and busy machine."""


class TestWatch:
    @pytest.fixture
    def woken(self) -> threading.Event:
        return threading.Event()

    def hints(self, watch: Watch, woken: threading.Event, path: Path) -> None:
        """Wait until there is a hint at this path."""
        found: set[str] = set()
        while str(path) not in found:
            assert woken.wait(SOON_S), f"{path} was not hinted at, only {found}"
            woken.clear()
            found |= watch.take().paths or set()

    def test_changes_anywhere_in_a_watched_tree_are_hinted_at(self, tmp_path: Path, woken: threading.Event) -> None:
        (tmp_path / "old").mkdir()
        watch = Watch(woken)
        assert watch.set_folders([WatchedFolder(str(tmp_path), recursive=True)])
        assert not watch.set_folders([WatchedFolder(str(tmp_path), recursive=True)])
        try:
            (tmp_path / "old" / "a.json").write_text("{}")
            self.hints(watch, woken, tmp_path / "old" / "a.json")
            (tmp_path / "new").mkdir()
            self.hints(watch, woken, tmp_path / "new")
            (tmp_path / "old" / "a.json").write_text("{ }")
            self.hints(watch, woken, tmp_path / "old" / "a.json")
        finally:
            watch.close()

    def test_a_file_that_is_renamed_gives_a_hint_at_its_new_name(self, tmp_path: Path, woken: threading.Event) -> None:
        """Whoever writes a file in one step renames it; a name such as `x.tmp` interests nobody."""
        (tmp_path / "opencode.db.tmp").write_text("x")
        watch = Watch(woken)
        watch.set_folders([WatchedFolder(str(tmp_path), recursive=False, endings=(".db",))])
        try:
            (tmp_path / "opencode.db.tmp").rename(tmp_path / "opencode.db")
            self.hints(watch, woken, tmp_path / "opencode.db")
        finally:
            watch.close()

    def test_reading_a_file_gives_no_hint(self, tmp_path: Path, woken: threading.Event) -> None:
        """Each pass would otherwise wake the next one."""
        (tmp_path / "a.json").write_text("{}")
        watch = Watch(woken)
        watch.set_folders([WatchedFolder(str(tmp_path), recursive=True)])
        try:
            for _ in range(20):
                (tmp_path / "a.json").read_text()
            (tmp_path / "end.json").write_text("")
            self.hints(watch, woken, tmp_path / "end.json")
            assert not watch.take().paths
        finally:
            watch.close()

    def test_only_files_with_the_given_endings_give_hints_in_a_flat_folder(
        self, tmp_path: Path, woken: threading.Event
    ) -> None:
        watch = Watch(woken)
        watch.set_folders([WatchedFolder(str(tmp_path), recursive=False, endings=("-wal",))])
        try:
            for name in ("opencode.db-shm", "auth.json", "opencode.db-wal"):
                (tmp_path / name).write_text("x")
            assert woken.wait(SOON_S)
            assert watch.take().paths == frozenset({str(tmp_path / "opencode.db-wal")})
        finally:
            watch.close()

    def test_a_folder_that_appears_or_is_replaced_is_watched_by_the_next_call(
        self, tmp_path: Path, woken: threading.Event
    ) -> None:
        folder = tmp_path / "later"
        watch, places = Watch(woken), [WatchedFolder(str(tmp_path / "later"), recursive=True)]
        try:
            assert not watch.set_folders(places)
            for _ in range(2):
                folder.mkdir()
                watch.set_folders(places)
                watch.take()
                (folder / "a").write_text("x")
                self.hints(watch, woken, folder / "a")
                shutil.rmtree(folder)
                (tmp_path / "other").mkdir()  # takes the inode that is free
                watch.set_folders(places)
                (tmp_path / "other").rmdir()
        finally:
            watch.close()

    def test_a_folder_that_sends_no_events_is_not_watched_and_logged_once(
        self, tmp_path: Path, woken: threading.Event, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A tree on a network file system is polled instead."""
        watch, place = Watch(woken), WatchedFolder(str(tmp_path), recursive=True, no_events="it is on nfs")
        for _ in range(3):
            assert not watch.set_folders([place])
        assert watch.blind
        assert [each.getMessage() for each in caplog.records] == [
            f"cannot watch {tmp_path} (it is on nfs); it is polled every rescan_interval_seconds instead"
        ]

    def test_more_hints_than_can_be_remembered_mean_that_everything_may_have_changed(
        self, woken: threading.Event
    ) -> None:
        watch = Watch(woken)
        for number in range(10_100):
            watch.hint(f"/{number}")
        assert len(watch._paths) == 10_001, "a busy tree does not fill the memory"
        hints = watch.take()
        assert hints.paths is None
        assert hints
        assert not watch.take()

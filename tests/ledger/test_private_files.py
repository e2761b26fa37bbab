"""Files of this program belong to its user, whatever somebody put in their place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from otel_agent import private_files
from otel_agent.private_files import open_private, read_private, replace_private


def open_files() -> set[str]:
    return {each.name for each in Path("/proc/self/fd").iterdir()}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files as Linux lists them")
def test_a_file_of_another_user_is_neither_read_nor_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner would read what is written into it. Here this process is another user from now on."""
    file = tmp_path / "note"
    replace_private(file, b"theirs")
    owner = file.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    before = open_files()
    with pytest.raises(OSError, match=f"it belongs to user {owner}"):
        read_private(file, 100)
    with pytest.raises(OSError, match=f"it belongs to user {owner}"):
        open_private(file, os.O_WRONLY | os.O_CREAT)
    assert file.read_bytes() == b"theirs"
    assert open_files() == before


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "note"
    replace_private(file, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_private(file, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["note"]
    assert file.read_bytes() == b"old"


def test_a_folder_and_what_is_in_it_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    private_files.make_private_folder(folder)
    replace_private(folder / "note", b"new")
    assert (folder.stat().st_mode & 0o777, (folder / "note").stat().st_mode & 0o777) == (0o700, 0o600)

"""A file or folder of ours that cannot be used: the error names what is in the way, and the next step."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from otel_agent.cli.backend_options import otlp_asked
from otel_agent.doctor.status import status_of
from otel_agent.errors import LedgerError, SettingsError, UsageError
from otel_agent.ledger import files, hold, sent_points
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.queries import open_to_read
from otel_agent.obstacles import obstacle
from otel_agent.service.manager import ServiceError, changing_files
from otel_agent.settings import Settings, administrator
from otel_agent.settings.toml_files import read_file
from otel_agent.setup import settings_file
from otel_agent.summary.price_file import load_prices


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with everything that may be in the place of something else."""
    folder = tmp_path.resolve()
    (folder / "file").write_text("")
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "dangling").symlink_to(folder / "gone")
    (folder / "link").symlink_to(folder / "folder")
    os.mkfifo(folder / "pipe")
    return folder


def test_what_is_in_the_way_of_a_folder_is_named_wherever_it_is_on_the_path(odd: Path) -> None:
    gone = f"{odd}/dangling is a link to {odd}/gone, which does not exist"
    make = f"Make that folder (mkdir -p {odd}/gone) or remove the link"
    for name, expected in {
        "file": (f"{odd}/file is not a folder", "Move it away"),
        "file/below": (f"{odd}/file is not a folder", "Move it away"),
        "loop/below": (f"{odd}/loop is a link that leads in a circle", "Remove it"),
        "dangling": (gone, make),
        "dangling/below": (gone, make),
        "link/below": None,
        "folder": None,
        "nothing/below": None,
    }.items():
        assert obstacle(odd / name, is_folder=True) == expected, name


def test_what_is_in_the_way_of_a_file_is_named(odd: Path) -> None:
    for name, expected in {
        "link": (f"{odd}/link is a folder and not a file", "Move it away"),
        "dangling": (
            f"{odd}/dangling is a link to {odd}/gone, which does not exist",
            "Put that file there or remove the link",
        ),
        "loop": (f"{odd}/loop is a link that leads in a circle", "Remove it"),
        "nothing": (f"{odd}/nothing does not exist", "Put the file there"),
        "file": None,
        "link/nothing": (f"{odd}/link/nothing does not exist", "Put the file there"),
    }.items():
        assert obstacle(odd / name) == expected, name
    assert obstacle(odd / "nothing", to_write=True) is None


def test_a_ledger_below_an_obstacle_is_refused_with_its_name_by_writers_and_readers(odd: Path) -> None:
    for name, named in {"file": "file", "file/below": "file", "loop": "loop", "dangling": "dangling"}.items():
        expected = rf"{odd}/{named} is .*, or set OTEL_AGENT_STATE_DIR\.$"
        with pytest.raises(LedgerError, match=expected):
            open_ledger(odd / name, now_ns=0, backfill_from_ms=0)
        with pytest.raises(LedgerError, match=expected), open_to_read(odd / name):
            pass


def test_a_full_disk_is_said_in_one_way_whichever_file_of_the_ledger_it_refuses(
    odd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is in the way, so the system's words stand."""
    state = odd / "folder"

    def full(path: Path, _: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", f"{path}.new", None, str(path))

    def refused() -> str:
        with pytest.raises(LedgerError) as found:
            open_ledger(state, now_ns=0, backfill_from_ms=0)
        return str(found.value)

    words = f"cannot write to {state}: No space left on device{{0}}. Free some space, or set OTEL_AGENT_STATE_DIR."
    with monkeypatch.context() as patched:
        patched.setattr(hold, "replace_private", full)
        assert refused() == words.format(" (holder.json)")
    for module in (files, sent_points):
        with monkeypatch.context() as patched:
            patched.setattr(module, "replace_private", full)
            assert refused() == words.format("")


def test_a_state_folder_on_a_read_only_file_system_is_a_warning_of_the_status(
    odd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
    settings = Settings(state_dir=odd / "folder" / "state", data_dirs=(odd,), discover_stores=False)
    expected = (
        f"{odd}/folder is on a read-only file system: nothing new can be counted. "
        "Mount it so that it can be written, or set OTEL_AGENT_STATE_DIR."
    )
    assert expected in status_of(settings, datetime.now(UTC)).warnings


def test_files_that_are_only_read_are_refused_with_what_is_there_and_never_waited_for(
    odd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otel_agent.settings.file_content._PATIENCE_SECONDS", 0.0)
    for name, seen in {"loop": "in a circle", "dangling": "which does not exist", "pipe": "a pipe"}.items():
        with pytest.raises(SettingsError, match=rf"{odd}/{name} is .*{seen}.*with --config"):
            read_file(odd / name, required=False)
        with pytest.raises(SettingsError, match=rf"{odd}/{name} is .*{seen}.*prices_file to another one"):
            load_prices(odd / name)
        with pytest.raises(UsageError, match=rf"{odd}/{name} is .*{seen}"):
            otlp_asked(endpoint=None, protocol=None, certificate=None, header=None, header_file=odd / name)


def test_an_administrators_link_to_nowhere_is_not_taken_for_no_file(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise what the administrator locked would be open, without a word."""
    monkeypatch.setattr(administrator, "PLACE", administrator.Place(odd / "dangling", os.geteuid()))
    found = administrator.administrators_file()
    assert not found.is_obeyed
    assert "is not obeyed: it is a link to a file that does not exist" in found.trouble


def test_files_that_are_written_name_the_folder_at_fault(odd: Path) -> None:
    with pytest.raises(SettingsError, match=f"{odd}/file is not a folder. Move it away, or pass another file"):
        settings_file.write(odd / "file" / "otel-agent.toml", "")
    with pytest.raises(SettingsError, match=f"{odd}/loop is a link that leads in a circle. Remove it"):
        settings_file.read(odd / "loop" / "otel-agent.toml")
    with pytest.raises(ServiceError, match=f"{odd}/dangling is a link to .* Make that folder"), changing_files():
        (odd / "dangling").mkdir(exist_ok=True)

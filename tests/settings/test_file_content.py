"""A settings file is read whatever is in its place: a pipe with a writer, but nothing endless."""

from __future__ import annotations

import os
import select
import threading
from pathlib import Path

import pytest

from otel_agent.errors import SettingsError
from otel_agent.settings import file_content
from otel_agent.settings.file_content import file_text
from otel_agent.settings.toml_files import read_file
from tests.support.ledger_files import WINDOWS

pytestmark = pytest.mark.skipif(WINDOWS, reason="pipes with names are POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "otel-agent.toml"


def test_a_pipe_is_read_to_its_end(path: Path) -> None:
    """`--config <(sops -d otel-agent.toml)`, whose text is larger than what a pipe holds."""
    os.mkfifo(path)
    text = "# explained\n" * 20_000 + 'exporter = "none"\n'
    writing = threading.Thread(target=path.write_text, args=(text,))
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # so that the writer begins before it is read
    writing.start()
    assert select.select([reader], [], [], 60)[0]
    assert os.read(reader, 5).decode() + file_text(path) == text
    writing.join()
    os.close(reader)


def test_a_pipe_into_which_nobody_writes_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(path)
    with pytest.raises(SettingsError, match="is a pipe, and nothing comes out of it"):
        file_text(path)
    silent = os.open(path, os.O_RDWR)
    monkeypatch.setattr(file_content, "_PATIENCE_SECONDS", 0.01)
    with pytest.raises(SettingsError, match="is a pipe, and nothing comes out of it"):
        file_text(path)
    os.close(silent)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_that_windows_tools_wrote_is_read(path: Path, end: str) -> None:
    """They begin it with a mark of three bytes, which no editor shows."""
    path.write_bytes(f"exporter = 'none'{end}[otlp.headers]{end}x-a = 'é'{end}".encode("utf-8-sig"))
    assert read_file(path, required=True) == {"exporter": "none", "otlp": {"headers": {"x-a": "é"}}}


def test_a_file_in_another_encoding_is_named_with_what_to_do(path: Path) -> None:
    path.write_text("exporter = 'none'\n", encoding="utf-16")
    with pytest.raises(SettingsError, match=r"is not TOML: .* Save it as UTF-8\."):
        read_file(path, required=True)


def test_a_file_of_gigabytes_is_named_and_not_read(path: Path) -> None:
    path.touch()
    os.truncate(path, 10**12)
    with pytest.raises(SettingsError, match="more than a megabyte, so it is no settings file"):
        file_text(path)


def test_numbers_and_depths_that_python_refuses_are_named(path: Path) -> None:
    for text, said in (
        ("heartbeat_hours = " + "9" * 5_000, "one of its numbers is too large"),
        ("a = " + "[" * 5_000, "is not TOML"),
    ):
        path.write_text(text)
        with pytest.raises(SettingsError, match=said):
            read_file(path, required=True)

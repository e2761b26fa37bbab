"""No test sees the shell from which it was started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.surroundings import of_the_network, settle


def test_what_steers_the_programs_under_test_is_forgotten_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    steering = ("OTEL_SERVICE_NAME", "OTEL_AGENT_MAX_SERIES", "OPENCODE_DB", "XDG_DATA_HOME", "NO_COLOR", "LC_ALL")
    for name in (*steering, "TEXTUAL_THEME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "here")
    path = os.environ["PATH"]
    settle()
    assert [name for name in (*steering, "TEXTUAL_THEME") if name in os.environ] == []
    assert (os.environ["XDG_CACHE_HOME"], os.environ["PATH"]) == ("here", path)
    assert [name for name in os.environ if name.startswith(("LC_", "LANG"))] == ["LANG"], "each letter can be printed"


def test_each_spelling_of_a_proxy_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"HTTP_PROXY", "https_proxy", "ALL_PROXY", "no_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}
    assert of_the_network() == [], "this test has none"
    for name in names:
        monkeypatch.setenv(name, "here")
    assert set(of_the_network()) == names


def test_a_home_is_empty() -> None:
    assert list(Path.home().iterdir()) == []


def test_a_new_file_can_be_read_by_every_user(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        settle()
        (tmp_path / "file").touch()
        assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(before)

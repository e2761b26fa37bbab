"""The standard variables of a shell become settings that mean the same in a service, which starts elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_agent.errors import SettingsError
from otel_agent.setup.wish import from_environment, left_for_service

NAMES = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://otlp.example/v1/traces",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20s3cret",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
}


def test_the_variables_become_the_table_otlp() -> None:
    """A timeout is in milliseconds there, and in seconds in the file."""
    assert from_environment(NAMES) == {
        "endpoint": "https://otlp.example",
        "headers": {"authorization": "Bearer s3cret"},
        "timeout_seconds": 2.5,
        "compression": "gzip",
    }
    assert from_environment(NAMES, locked=["endpoint", "headers"]) == {"timeout_seconds": 2.5, "compression": "gzip"}
    assert from_environment(dict.fromkeys(NAMES, " ")) == {}
    assert from_environment({"OTEL_EXPORTER_OTLP_PROTOCOL": "GRPC"}) == {"protocol": "grpc"}


@pytest.mark.parametrize("name", ["CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE"])
def test_a_relative_file_is_named_by_its_whole_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    prefix = "OTEL_EXPORTER_OTLP_"
    assert from_environment({prefix + name: "keys/a.pem"}) == {name.lower(): str(tmp_path / "keys" / "a.pem")}
    assert from_environment({prefix + name: "~/a.pem"}) == {name.lower(): str(tmp_path / "home" / "a.pem")}


def test_a_timeout_that_is_no_number_is_refused() -> None:
    with pytest.raises(SettingsError, match="soon is not a number of milliseconds"):
        from_environment({"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"})


def test_what_the_file_says_is_not_left_for_the_service() -> None:
    environ = NAMES | {"OTEL_RESOURCE_ATTRIBUTES": "team=a", "OTEL_AGENT_MAX_SERIES": "9", "HOME": "/home/me"}
    assert left_for_service(environ, tuple(NAMES)) == {"OTEL_RESOURCE_ATTRIBUTES": "team=a"}

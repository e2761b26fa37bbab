"""The administrator's file: defaults below a user's settings, locked values above them, and who may write it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_agent.agent.backend import otlp_options
from otel_agent.errors import SettingsError
from otel_agent.settings import administrator, load, state_dir_unchecked
from tests.support.administered import administer, write
from tests.support.paths import ROOT

pytestmark = pytest.mark.usefixtures("nothing_set")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The administrator's file, not written yet."""
    administer(monkeypatch, path := tmp_path / "etc" / "otel-agent.toml")
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The user's own file, not written yet."""
    path = tmp_path / ".config" / "otel-agent" / "otel-agent.toml"
    path.parent.mkdir(parents=True)
    return path


class TestDefaults:
    def test_a_user_wins_over_a_default_of_the_administrator_key_by_key(
        self, file: Path, own: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(
            file,
            "max_series = 5\nfile_backups = 6\nloop_repeats = 7\n[otlp]\ncompression = 'gzip'\ntimeout_seconds = 4",
        )
        own.write_text("file_backups = 8\n[otlp]\ntimeout_seconds = 9")
        monkeypatch.setenv("OTEL_AGENT_LOOP_REPEATS", "10")
        found = load()
        settings = found.settings
        assert (settings.max_series, settings.file_backups, settings.loop_repeats) == (5, 8, 10)
        assert (settings.otlp.compression, settings.otlp.timeout_seconds) == ("gzip", 9)
        assert {name: place for name, place in found.origins.items() if place != "default"} == {
            "max_series": str(file),
            "file_backups": str(own),
            "loop_repeats": "environment OTEL_AGENT_LOOP_REPEATS",
            "otlp.compression": str(file),
            "otlp.timeout_seconds": str(own),
        }
        assert (found.administrator, found.file, list(found.notes())) == (file, own, [])

    @pytest.mark.parametrize("by", ["file", "variable"])
    def test_the_key_of_the_administrators_backend_does_not_go_to_one_that_a_user_named(
        self, by: str, file: Path, own: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(file, "[otlp]\nendpoint = 'http://team:4318'\nheaders = { key = 'of-the-team' }")
        assert load().settings.otlp.headers == {"key": "of-the-team"}
        if by == "file":
            own.write_text("[otlp]\nendpoint = 'http://mine:4318'")
        else:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://mine:4318")
        assert load().settings.otlp.headers == {}

    def test_a_user_who_keeps_everything_here_is_not_overruled_by_a_default_for_one_signal(
        self, file: Path, own: Path
    ) -> None:
        write(file, "traces_exporter = 'otlp'\n[otlp]\nendpoint = 'http://team:4318'")
        own.write_text("exporter = 'none'")
        settings = load().settings
        assert (settings.exporter_of("traces"), settings.exporter_of("metrics")) == ("none", "none")


class TestLocked:
    def test_a_locked_value_wins_over_everything_and_each_place_that_differs_is_named(
        self, file: Path, own: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(
            file,
            "max_series = 4\n[locked]\nmax_series = 5\nsession_titles = false\nmetric_export_interval_seconds = 30",
        )
        own.write_text("max_series = 6\nsession_titles = false")
        monkeypatch.setenv("OTEL_AGENT_MAX_SERIES", "7")
        monkeypatch.setenv("OTEL_AGENT_SESSION_TITLES", "False")
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "5000")
        found = load()
        assert (found.settings.max_series, found.settings.metric_export_interval_seconds) == (5, 30)
        assert found.origins["max_series"] == f"{file} (locked)"
        assert found.overruled == {
            "max_series": (str(own), "environment OTEL_AGENT_MAX_SERIES"),
            "metric_export_interval_seconds": ("environment OTEL_METRIC_EXPORT_INTERVAL",),
        }

    @pytest.mark.parametrize(
        "variables",
        [
            {"OTEL_TRACES_EXPORTER": "none", "OTEL_AGENT_METRICS_EXPORTER": "none"},
            {"OTEL_SDK_DISABLED": "true"},
            {"OTEL_AGENT_EXPORTER": "none"},
        ],
        ids=" ".join,
    )
    def test_a_locked_exporter_is_that_of_both_signals(
        self, variables: dict[str, str], file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(file, "[locked]\nexporter = 'otlp'")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        found = load()
        assert (found.settings.exporter_of("traces"), found.settings.exporter_of("metrics")) == ("otlp", "otlp")
        assert {place for places in found.overruled.values() for place in places} == {
            f"environment {name}" for name in variables
        }

    def test_no_variable_leads_a_locked_address_elsewhere(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(file, "[locked.otlp]\nendpoint = 'team:4317'\nprotocol = 'grpc'\ntimeout_seconds = 3")
        for name in ("ENDPOINT", "TRACES_ENDPOINT", "METRICS_ENDPOINT"):
            monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", "http://mine:4318")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "9000")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        found = load()
        options = otlp_options(found.settings)
        for signal in ("traces", "metrics"):
            assert (options.endpoint_of(signal), options.protocol_of(signal)) == ("team:4317", "grpc")
            assert (options.timeout_of(signal), options.insecure(signal)) == (3, False)
            assert options.compression_of(signal) == "gzip"
        assert "otlp.traces.endpoint" not in found.origins
        assert found.overruled["otlp.endpoint"] == (
            "environment OTEL_EXPORTER_OTLP_ENDPOINT",
            "environment OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "environment OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        )

    def test_locked_headers_are_whole_and_a_standard_variable_that_is_overruled_stops_nothing(
        self, file: Path, own: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(file, "[locked]\nmetrics_exporter = 'otlp'\n[locked.otlp]\nheaders = { a = 'team' }")
        own.write_text("[otlp]\nheaders = { a = 'mine', b = 'mine' }")
        monkeypatch.setenv("OTEL_METRICS_EXPORTER", "prometheus")
        found = load()
        assert found.for_export().otlp.headers == {"a": "team"}

    @pytest.mark.parametrize("by", ["file", "variable"])
    def test_the_key_of_a_users_own_backend_does_not_go_to_a_locked_one(
        self, by: str, file: Path, own: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        named: tuple[str, ...]
        write(file, "[otlp]\nheaders = { a = 'team' }\n[locked.otlp]\nendpoint = 'http://team:4318'")
        if by == "file":
            own.write_text(
                "[otlp]\nendpoint = 'http://mine:4318'\nprotocol = 'grpc'\nheaders = { a = 'mine', b = 'mine' }"
            )
            named = (str(own), f"{own} (otlp.protocol)", f"{own} (otlp.headers)")
        else:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://mine:4318")
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=mine")
            named = ("environment OTEL_EXPORTER_OTLP_ENDPOINT", "environment OTEL_EXPORTER_OTLP_TRACES_HEADERS")
        found = load()
        options = otlp_options(found.settings)
        assert (options.headers_of("traces"), options.protocol_of("traces")) == ({"a": "team"}, "http/protobuf")
        assert found.overruled == {"otlp.endpoint": named}
        assert found.origins["otlp.headers"] == str(file)

    def test_the_key_of_a_user_who_names_the_locked_backend_too_is_used(self, file: Path, own: Path) -> None:
        write(file, "[locked.otlp]\nendpoint = 'http://team:4318'")
        own.write_text("[otlp]\nendpoint = 'http://team:4318'\nheaders = { a = 'mine' }")
        found = load()
        assert (found.settings.otlp.headers, found.overruled) == ({"a": "mine"}, {})
        own.write_text("otlp = 5")
        assert load().settings.otlp.endpoint == "http://team:4318"

    def test_a_value_that_means_the_same_in_another_form_is_not_named(
        self, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(
            file,
            f"[locked]\ndata_dirs = ['{tmp_path}', '/b']\nmax_series = 5\nsession_titles = true\nheartbeat_hours = 48.0\n"
            "[locked.otlp]\ntimeout_seconds = 5.0\nheaders = { X-Key = 'a b' }",
        )
        same = {
            "OTEL_AGENT_DATA_DIRS": f"{tmp_path}{os.pathsep}/b",
            "OTEL_AGENT_MAX_SERIES": "05",
            "OTEL_AGENT_SESSION_TITLES": "yes",
            "OTEL_AGENT_HEARTBEAT_HOURS": "48",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "5000",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b",
        }
        for name, value in same.items():
            monkeypatch.setenv(name, value)
        assert load().overruled == {}
        for name in same:
            monkeypatch.setenv(name, "no")
        assert {place for places in load().overruled.values() for place in places} == {
            f"environment {name}" for name in same
        }

    def test_a_user_locks_nothing(self, file: Path, own: Path) -> None:
        own.write_text("[locked]\nmax_series = 5")
        with pytest.raises(SettingsError, match=r"locked is not a setting\. Only the administrator's file") as refused:
            load()
        assert str(file) in str(refused.value)

    def test_the_folder_of_the_ledger_is_the_locked_one_for_completion_too(
        self, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_AGENT_STATE_DIR", str(tmp_path / "mine"))
        assert state_dir_unchecked() == tmp_path / "mine"
        write(file, "[locked]\nstate_dir = '~/team'")
        assert state_dir_unchecked() == load().settings.state_dir == tmp_path / "team"


class TestWhoMayWriteIt:
    @pytest.mark.parametrize(("what", "mode"), [("file", 0o646), ("folder", 0o775)])
    def test_a_file_that_others_can_write_is_named_and_not_obeyed(self, what: str, mode: int, file: Path) -> None:
        write(file, "max_series = 4\n[locked]\nfile_backups = 5")
        (file if what == "file" else file.parent).chmod(mode)
        found = load()
        assert (found.settings.max_series, found.settings.file_backups) == (10_000, 4)
        assert found.administrator is None
        (note,) = found.notes()
        assert str(file) in note
        assert f"can be written by others ({mode:o})" in note
        assert "must belong to root" in note

    def test_a_file_of_another_user_is_not_obeyed(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(file, "max_series = 4")
        monkeypatch.setattr(administrator, "PLACE", administrator.Place(file, os.geteuid() + 1))
        found = load()
        assert found.settings.max_series == 10_000
        assert f"belongs to user {os.geteuid()} and not to user {os.geteuid() + 1}" in found.not_obeyed

    def test_roots_file_is_obeyed_in_a_namespace_that_has_no_root(self, file: Path) -> None:
        """As in a service with a read-only home, or another sandbox."""
        if os.geteuid() != 0 or subprocess.run(["unshare", "--user", "true"], check=False).returncode != 0:
            pytest.skip("needs root, which may make a user namespace")
        write(file, "max_series = 4")
        program = (
            "import sys; from pathlib import Path; from otel_agent.settings import administrator;"
            "administrator.PLACE = administrator.Place(Path(sys.argv[1]), 0);"
            "print(administrator.administrators_file().defaults)"
        )
        command = ["unshare", "--user", sys.executable, "-c", program, str(file)]
        shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert shown.stdout == "{'max_series': 4}\n", shown.stderr

    def test_a_folder_or_a_pipe_in_its_place_holds_nothing_up(self, file: Path) -> None:
        file.mkdir(parents=True)
        assert "is a folder" in load().not_obeyed
        file.rmdir()
        os.mkfifo(file)
        assert "is a pipe" in load().not_obeyed

    def test_what_is_wrong_in_it_is_named_with_its_path(self, file: Path, own: Path) -> None:
        own.write_text("max_series = 5\n[otlp]\ntimeout_seconds = 5")
        for text, said in (
            ("max_serie = 1", "max_serie is not a setting. Did you mean max_series?"),
            ("[locked]\nmax_series = 0", "(locked): max_series: Input should be greater"),
            ("[locked.otlp]\nendpont = 'x'", "(locked): otlp.endpont is not a setting. Did you mean endpoint?"),
            ("[locked", "is not TOML"),
            ("locked = 5", "Write [locked]"),
        ):
            write(file, text)
            with pytest.raises(SettingsError) as refused:
                load()
            assert str(refused.value).startswith(str(file))
            assert said in str(refused.value)

    def test_the_systems_own_place_belongs_to_root_and_no_variable_moves_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "HOME", "OTEL_AGENT_CONFIG"):
            monkeypatch.setenv(name, "/nowhere")
        place = administrator._place()
        assert place.owner == 0
        assert place.path.parts[1] in ("etc", "Library")

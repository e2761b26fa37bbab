"""The settings: which source wins, and which values there are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import ValidationError

from otel_agent.settings import OtlpSettings, Settings, load
from otel_agent.settings.validation import settings_from
from tests.settings.refused import refusal
from tests.support.imported_modules import imported_modules

pytestmark = pytest.mark.usefixtures("nothing_set")


class TestPrecedence:
    def test_each_source_wins_over_those_below(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        name, found = "metric_export_interval_seconds", [self.value_and_origin("metric_export_interval_seconds")]
        file.write_text(f"{name} = 30")
        found.append(self.value_and_origin(name))
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "20000")
        found.append(self.value_and_origin(name))
        monkeypatch.setenv("OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS", "10")
        found.append(self.value_and_origin(name))
        assert found == [
            (60.0, "default"),
            (30.0, str(file)),
            (20.0, "environment OTEL_METRIC_EXPORT_INTERVAL"),
            (10.0, "environment OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS"),
        ]

    @staticmethod
    def value_and_origin(name: str) -> tuple[object, str]:
        found = load()
        return getattr(found.settings, name), found.origins[name]

    @pytest.mark.parametrize(
        ("variable", "value", "name", "meaning"),
        [
            ("OTEL_TRACES_EXPORTER", "none", "traces_exporter", "none"),
            ("OTEL_METRICS_EXPORTER", "console", "metrics_exporter", "console"),
            ("OTEL_METRICS_EXPORTER", "logging", "metrics_exporter", "console"),
            ("OTEL_METRICS_EXPORTER", "console,otlp", "metrics_exporter", "otlp"),
            ("OTEL_METRICS_EXPORTER", "prometheus, OTLP", "metrics_exporter", "otlp"),
            ("OTEL_TRACES_EXPORTER", "zipkin,console\r", "traces_exporter", "console"),
            ("OTEL_METRICS_INCLUDE_SESSION_ID", "false", "metrics_include_session_id", False),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1500", "metric_export_interval_seconds", 1.5),
        ],
    )
    def test_a_standard_variable_sets_what_it_means(
        self, variable: str, value: str, name: str, meaning: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, value)
        found, origin = self.value_and_origin(name)
        assert found == meaning
        assert origin == f"environment {variable}"

    @pytest.mark.parametrize("value", ["true", "True", " TRUE "])
    def test_the_sdk_disabled_means_that_nothing_is_exported(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTEL_SDK_DISABLED", value)
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
        settings = load().settings
        assert settings.exporter_of("traces") == "none"
        assert settings.exporter_of("metrics") == "none"

    def test_the_sdk_disabled_gives_way_to_our_own_word(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        monkeypatch.setenv("OTEL_AGENT_TRACES_EXPORTER", "file")
        settings = load().settings
        assert settings.exporter_of("traces") == "file"
        assert settings.exporter_of("metrics") == "none"

    @pytest.mark.parametrize("value", ["false", "0", "yes", "1", ""])
    def test_only_true_disables_the_sdk(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """The OpenTelemetry specification says so for its boolean variables."""
        monkeypatch.setenv("OTEL_SDK_DISABLED", value)
        assert load().settings.exporter_of("metrics") == "otlp"

    def test_one_signal_can_have_an_exporter_of_its_own(self, file: Path) -> None:
        file.write_text('exporter = "file"\ntraces_exporter = "console"')
        settings = load().settings
        assert settings.exporter_of("traces") == "console"
        assert settings.exporter_of("metrics") == "file"

    def test_a_variable_set_to_nothing_is_not_set(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file.write_text("max_series = 5\n[otlp]\nendpoint = 'http://backend:4318'")
        for name in (*Settings.__struct_fields__, "not_a_setting"):
            monkeypatch.setenv(f"OTEL_AGENT_{name.upper()}", "")
        for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_TRACES_EXPORTER"):
            monkeypatch.setenv(name, "")
        found = load()
        assert found.settings == Settings(max_series=5, otlp=OtlpSettings(endpoint="http://backend:4318"))
        assert {name for name, origin in found.origins.items() if origin != "default"} == {
            "max_series",
            "otlp.endpoint",
        }

    def test_variables_in_small_letters_count_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("otel_agent_max_series", "7")
        found, origin = self.value_and_origin("max_series")
        assert found == 7
        assert origin == "environment OTEL_AGENT_MAX_SERIES"

    def test_the_origin_of_the_endpoint_is_known_for_each_signal(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file.write_text("[otlp]\nendpoint = 'http://backend:4318'\ntimeout_seconds = 3")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4318/v1/traces")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "4")
        found = {name: origin for name, origin in load().origins.items() if name.startswith("otlp.")}
        assert {name: origin for name, origin in found.items() if origin != "default"} == {
            "otlp.endpoint": str(file),
            "otlp.traces.endpoint": "environment OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "otlp.timeout_seconds": "environment OTEL_EXPORTER_OTLP_TIMEOUT",
        }


class TestValues:
    @pytest.mark.parametrize("value", ["true", "1", "yes", "on", "True", "YES"])
    def test_words_for_yes_in_a_variable_mean_true(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTEL_AGENT_SESSION_TITLES", value)
        assert load().settings.session_titles is True

    @pytest.mark.parametrize("value", ["false", "0", "no", "off", "False", "NO"])
    def test_words_for_no_in_a_variable_mean_false(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTEL_AGENT_METRICS_INCLUDE_SESSION_ID", value)
        assert load().settings.metrics_include_session_id is False

    def test_folders_in_a_variable_are_separated_as_in_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_AGENT_DATA_DIRS", os.pathsep.join(["/a b/c", "", "~/d"]))
        assert load().settings.data_dirs == (Path("/a b/c"), tmp_path / "d")

    def test_folders_in_a_file_are_a_list(self, file: Path, tmp_path: Path) -> None:
        file.write_text("data_dirs = ['/a:b', '~/c']")
        assert load().settings.data_dirs == (Path("/a:b"), tmp_path / "c")

    def test_a_tilde_in_a_path_means_the_home(self, file: Path, tmp_path: Path) -> None:
        file.write_text(
            "state_dir = '~/s'\nfile_dir = '~/f'\n"
            "[otlp]\ncertificate = '~/a.pem'\nclient_key = '~/b.pem'\nclient_certificate = '~/c.pem'"
        )
        found = load().settings
        otlp = found.otlp
        assert found.state_dir == tmp_path / "s"
        assert found.file_dir == tmp_path / "f"
        assert otlp.certificate == tmp_path / "a.pem"
        assert otlp.client_key == tmp_path / "b.pem"
        assert otlp.client_certificate == tmp_path / "c.pem"

    @pytest.mark.parametrize(
        ("backfill", "seconds"),
        [("all", None), ("none", 0), ("30s", 30), ("5m", 300), ("36h", 129_600), ("7d", 604_800), ("4 w", 2_419_200)],
    )
    def test_a_backfill_is_a_number_of_seconds(self, backfill: str, seconds: int | None) -> None:
        assert Settings(backfill=backfill).backfill_seconds == seconds

    @pytest.mark.parametrize("backfill", ["", "some", "7", "d", "-7d", "1.5d", "7d 3h", "all "])
    def test_a_backfill_that_is_no_duration_is_refused(self, backfill: str, file: Path) -> None:
        file.write_text(f"backfill = '{backfill}'")
        assert refusal() == f"{file}: backfill: must be all, none, or a duration such as 36h, 7d or 4w."

    @given(st.floats() | st.integers())
    def test_every_pause_can_be_waited_for(self, value: float) -> None:
        """Each value that passes is a time that a thread can wait and a database can compare."""
        try:
            settings = settings_from({"rescan_interval_seconds": value, "session_window_hours": value})
        except ValidationError:
            return
        assert 0 < settings.rescan_interval_seconds <= 31_536_000
        assert 0 < settings.session_window_hours <= 8_760

    def test_the_state_folder_follows_the_xdg_rules(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        by_the_system = {"darwin": "Library/Application Support", "linux": ".local/state"}[sys.platform]
        assert load().settings.state_dir == tmp_path / by_the_system / "otel-agent"
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
        assert load().settings.state_dir == tmp_path / "xdg" / "otel-agent"

    def test_the_file_exporter_writes_beside_the_ledger(self) -> None:
        settings = Settings(state_dir=Path("/s"))
        assert settings.file_exporter_dir == Path("/s/export")
        assert replace(settings, file_dir=Path("/f")).file_exporter_dir == Path("/f")

    def test_settings_cannot_be_changed_after_loading(self) -> None:
        found = load()
        for frozen, name in ((found, "file"), (found.settings, "max_series"), (found.settings.otlp, "endpoint")):
            with pytest.raises(AttributeError, match="immutable"):
                setattr(frozen, name, None)


class TestCheap:
    """A person waits for a summary."""

    @staticmethod
    def imported(tmp_path: Path, *arguments: str, **variables: str) -> set[str]:
        return {name.partition(".")[0] for name in imported_modules(tmp_path, *arguments, **variables)}

    def test_the_defaults_need_no_validation(self, tmp_path: Path) -> None:
        other = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_RESOURCE_ATTRIBUTES": "team=search"}
        slow = {"pydantic", "opentelemetry", "asyncio", "textual", "pyjson5", "requests", "grpc"}
        assert self.imported(tmp_path, "summary", **other) & slow == set()

    def test_only_a_value_that_is_not_ordinary_needs_pydantic(self, tmp_path: Path) -> None:
        assert "pydantic" not in self.imported(tmp_path, "summary", OTEL_AGENT_MAX_SERIES="7")
        assert "pydantic" in self.imported(tmp_path, "summary", OTEL_AGENT_MAX_SERIES="1_000")

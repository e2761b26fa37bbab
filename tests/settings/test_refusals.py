"""Settings that cannot be used: what is refused, and in which words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from otel_agent.errors import SettingsError
from otel_agent.settings import Settings, load
from tests.settings.refused import refusal

pytestmark = pytest.mark.usefixtures("nothing_set")


class TestRefusals:
    def test_an_unknown_key_is_refused_with_its_path_and_a_suggestion(self, file: Path) -> None:
        file.write_text('max_serie = 1\n[otlp]\nendpont = "http://x"\n[otel]\nx = 1')
        assert refusal().splitlines() == [
            f"{file}: otlp.endpont is not a setting. Did you mean endpoint?",
            f"{file}: max_serie is not a setting. Did you mean max_series?",
            f"{file}: otel is not a setting. Did you mean otlp?",
        ]

    def test_a_budget_is_named_as_a_person_counts_them(self, file: Path) -> None:
        budgets = ["tokens = 5", "tokens = 5\nusd = 5\nmodels = [5]", "name = 'Team'\nfoo = 5\ntokens = 0"]
        file.write_text("\n".join(f"[[budget]]\n{each}" for each in budgets))
        assert sorted(line.removeprefix(f"{file}: ") for line in refusal().splitlines()) == [
            "foo in the [[budget]] 'Team' is not a setting. There are name, tokens, cost_usd, per, projects, models, agents.",
            "the first of models in the second [[budget]]: Input should be a valid string.",
            "tokens in the [[budget]] 'Team': Input should be greater than or equal to 1.",
            "usd in the second [[budget]] is not a setting. Did you mean cost_usd?",
        ]

    def test_a_name_like_none_has_a_next_step(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file.write_text("colour = 1\n[budget_notice]\nfoo = 1")
        assert refusal().splitlines() == [
            f"{file}: budget_notice.foo is not a setting. There are thresholds, command, timeout_seconds.",
            f"{file}: colour is not a setting. `otel-agent config init --print` explains all settings.",
        ]
        monkeypatch.setenv("OTEL_AGENT_COLOUR", "1")
        assert (
            refusal() == "OTEL_AGENT_COLOUR is not a setting. `otel-agent config init --print` explains all settings."
        )

    def test_an_unknown_variable_is_refused_with_a_suggestion(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTEL_AGENT_MAX_SERIE", "1")
        assert refusal() == "OTEL_AGENT_MAX_SERIE is not a setting. Did you mean OTEL_AGENT_MAX_SERIES?"

    @pytest.mark.parametrize("name", ["OTEL_AGENT_OTLP", "OTEL_AGENT_OTLP_ENDPOINT", "OTEL_AGENT_OTLP__ENDPOINT"])
    def test_a_variable_of_ours_for_the_endpoint_is_refused_with_the_standard_ones_named(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, "{}")
        assert "Use the standard OTEL_EXPORTER_OTLP_* variables" in refusal()

    @pytest.mark.parametrize(
        ("line", "key"),
        [
            ("max_series = 'many'", "max_series"),
            ("max_series = 0", "max_series"),
            ("rescan_interval_seconds = inf", "rescan_interval_seconds"),
            ("killed_grace_seconds = 1e300", "killed_grace_seconds"),
            ("session_titles = 'maybe'", "session_titles"),
            ("data_dirs = 5", "data_dirs"),
            ("data_dirs = [5]", "the first of data_dirs"),
            ("state_dir = []", "state_dir"),
            ("state_dir = '~nobody-has-this-name/x'", "state_dir"),
            ("exporter = 'otpl'", "exporter"),
            ("otlp = 5", "otlp"),
            ("[otlp]\ntimeout_seconds = -1", "otlp.timeout_seconds"),
            ("[otlp]\nprotocol = 'http/json'", "otlp.protocol"),
            ("[otlp.headers]\nx = 5", "otlp.headers.x"),
        ],
    )
    def test_a_wrong_value_in_the_file_is_refused_with_file_and_key(self, line: str, key: str, file: Path) -> None:
        file.write_text(line)
        assert re.fullmatch(rf"{re.escape(str(file))}: {re.escape(key)}: \S[^\n]+\.", refusal())

    @pytest.mark.parametrize(
        ("variable", "value", "key"),
        [
            ("OTEL_AGENT_MAX_SERIES", "many", "max_series"),
            ("OTEL_AGENT_MAX_SERIES", "1_5", "max_series"),
            ("OTEL_AGENT_HEARTBEAT_HOURS", "1_5", "heartbeat_hours"),
            ("OTEL_AGENT_HEARTBEAT_HOURS", "1,5", "heartbeat_hours"),
            ("OTEL_AGENT_LOG_LEVEL", "loud", "log_level"),
            ("OTEL_AGENT_METRICS_INCLUDE_SESSION_ID", "maybe", "metrics_include_session_id"),
        ],
    )
    def test_a_wrong_value_in_a_variable_is_refused_with_variable_and_key(
        self, variable: str, value: str, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, value)
        assert re.fullmatch(rf"environment {variable}: {key}: \S[^\n]+\.", refusal())

    @pytest.mark.parametrize(
        ("variable", "value", "key"),
        [
            ("OTEL_METRICS_EXPORTER", "prometheus", "metrics_exporter"),
            ("OTEL_TRACES_EXPORTER", "zipkin,jaeger", "traces_exporter"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "often", "metric_export_interval_seconds"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "0", "metric_export_interval_seconds"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "nan", "metric_export_interval_seconds"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1_50", "metric_export_interval_seconds"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "60", "metric_export_interval_seconds"),
            ("OTEL_METRICS_INCLUDE_SESSION_ID", "maybe", "metrics_include_session_id"),
        ],
    )
    def test_a_standard_variable_that_we_cannot_use_is_refused_by_what_exports_only(
        self, variable: str, value: str, key: str, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may be meant for another program of the same shell."""
        file.write_text("max_series = 5")
        monkeypatch.setenv(variable, value)
        found = load()
        assert found.settings == Settings(max_series=5)
        assert found.origins[key] == "default"
        with pytest.raises(SettingsError) as refused:
            found.for_export()
        assert re.fullmatch(rf"environment {variable}: {key}: \S[^\n]+\.", str(refused.value))

    @pytest.mark.parametrize(
        ("variable", "value"),
        [("OTEL_METRICS_EXPORTER", "prometheus"), ("OTEL_TRACES_EXPORTER", "zipkin")],
    )
    def test_our_own_variable_overrules_a_standard_one_that_we_cannot_use(
        self, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, value)
        monkeypatch.setenv("OTEL_AGENT_EXPORTER", "file")
        assert load().for_export().exporter_of("metrics") == "file"

    def test_thousands_may_be_separated_in_a_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTEL_AGENT_MAX_SERIES", "1_500_000")
        assert load().settings.max_series == 1_500_000

    def test_everything_that_is_wrong_is_reported_at_once(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file.write_text("max_series = 0\nfile_backups = 0")
        monkeypatch.setenv("OTEL_AGENT_BACKFILL", "some")
        assert len(refusal().splitlines()) == 3

    def test_no_secret_appears_in_a_refusal(self, file: Path) -> None:
        file.write_text("[otlp]\nheaders = 'authorization=Bearer-hunter2'\nprotocol = 'hunter2'")
        assert "hunter2" not in refusal()

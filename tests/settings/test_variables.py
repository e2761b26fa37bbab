"""Variables in any case of letters: systems differ, and a mistake in one must not pass for a setting."""

from __future__ import annotations

import pytest

from otel_agent.errors import SettingsError
from otel_agent.settings import load

pytestmark = pytest.mark.usefixtures("nothing_set")


@pytest.mark.parametrize("name", ["OTEL_AGENT_MAX_SERIE", "otel_agent_max_serie", "Otel_Agent_Max_Serie"])
def test_an_unknown_variable_is_refused_in_any_case_of_letters(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "5")
    with pytest.raises(SettingsError, match=f"{name} is not a setting"):
        load()


@pytest.mark.parametrize("name", ["OTEL_AGENT_MAX_SERIES", "otel_agent_max_series", "Otel_Agent_Max_Series"])
def test_a_known_variable_is_read_in_any_case_of_letters(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "5")
    found = load()
    assert found.settings.max_series == 5
    assert found.origins["max_series"] == "environment OTEL_AGENT_MAX_SERIES"


@pytest.mark.parametrize(
    ("words", "version"),
    [
        ("gen_ai_latest_experimental", "latest"),
        ("http/dup, gen_ai_latest_experimental", "latest"),
        ("http/dup", "both"),
        ("gen_ai_latest", "both"),
    ],
)
def test_the_conventions_own_variable_asks_for_their_latest_version(
    words: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", words)
    assert load().settings.genai_semconv == version
    monkeypatch.setenv("OTEL_AGENT_GENAI_SEMCONV", "legacy")
    assert load().settings.genai_semconv == "legacy", "a variable of ours is the last word"

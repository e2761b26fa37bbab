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

"""No key of a setting is in what Python shows of the settings, for instance in a traceback."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from otel_agent.settings import OtlpSettings, Settings

KEYED = OtlpSettings(endpoint="https://example.test/path-s3cret", headers={"api-key": "value-s3cret"})


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{!r}".format])
def test_settings_show_no_key(shown: Callable[[object], str]) -> None:
    for settings in (KEYED, Settings(otlp=KEYED)):
        text = shown(settings)
        assert "s3cret" not in text
        assert "OtlpSettings(…)" in text

"""Runs all checks, in the order in which data flows."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from otel_agent.doctor import delivering, keeping, reading
from otel_agent.doctor.finding import Finding, fail
from otel_agent.errors import OtelAgentError, SettingsError
from otel_agent.settings import Loaded, Settings

_Check = Callable[[], Iterator[Finding]]


def examine(load: Callable[[], Loaded]) -> Iterator[Finding]:
    """Yield the finding of each check as it comes. Nothing is changed.

    If the settings cannot be used, that is the first finding, and the other checks run with the defaults.
    """
    try:
        found = load()
    except SettingsError as error:
        yield fail(
            "settings",
            str(error),
            "No otel-agent command starts with these settings.",
            "Correct the settings named above.",
        )
        settings = Settings()
    else:
        settings = found.settings
        yield from keeping.settings_file(found)
    for link, check in _checks(settings):
        try:
            yield from check()
        except OtelAgentError as error:
            yield fail(link, str(error), "Could not be checked further.", "Fix the problem named above.")


def _checks(settings: Settings) -> list[tuple[str, _Check]]:
    return [
        ("data folder", lambda: reading.folders(settings)),
        ("store", lambda: reading.stores(settings)),
        ("OpenCode releases", lambda: reading.releases(settings)),
        ("processes", reading.processes),
        ("watching", lambda: keeping.watching(settings)),
        ("agent", lambda: keeping.agent(settings)),
        ("ledger", lambda: keeping.ledger(settings)),
        ("disk", lambda: keeping.disk(settings)),
        ("proxy", lambda: delivering.proxy(settings)),
        ("traces", lambda: delivering.delivery(settings, "traces")),
        ("metrics", lambda: delivering.delivery(settings, "metrics")),
        ("other telemetry", lambda: reading.other_telemetry(os.environ, Path.cwd())),
    ]

"""All of it, in the order in which data flows."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from otel_agent.doctor import delivering, keeping, reading
from otel_agent.doctor.finding import Finding, fail
from otel_agent.errors import OtelAgentError, SettingsError
from otel_agent.settings import Loaded, Settings

_Check = Callable[[], Iterator[Finding]]


def examine(load: Callable[[], Loaded]) -> Iterator[Finding]:
    """Looks, and changes nothing. Settings that cannot be used are the first finding; the defaults take their place."""
    try:
        found = load()
    except SettingsError as error:
        yield fail("settings", str(error), "No command of otel-agent starts with them.", "Correct what is named.")
        settings = Settings()
    else:
        settings = found.settings
        yield from keeping.settings_file(found)
    for link, check in _checks(settings):
        try:
            yield from check()
        except OtelAgentError as error:
            yield fail(link, str(error), "This could not be looked at further.", "See what is said there.")


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
        ("proxy", lambda: delivering.proxy(os.environ)),
        ("traces", lambda: delivering.delivery(settings, "traces")),
        ("metrics", lambda: delivering.delivery(settings, "metrics")),
        ("other telemetry", lambda: reading.other_telemetry(os.environ, Path.cwd())),
    ]

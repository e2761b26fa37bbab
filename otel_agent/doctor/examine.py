"""Runs all checks beside each other, and yields what they find in the order in which data flows."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from otel_agent.doctor import delivering, keeping, reading
from otel_agent.doctor.beside import LEDGER, Chain
from otel_agent.doctor.finding import Finding, fail
from otel_agent.doctor.meant import backend_is_meant
from otel_agent.errors import SettingsError
from otel_agent.settings import Loaded, Settings

_MARGIN_SECONDS: Final = 0.5
"""What a check of a backend has less than the whole, so that it says itself that nothing answered."""


def examine(load: Callable[[], Loaded]) -> Iterator[Finding]:
    """Yield the finding of each check as it comes. Nothing is changed, and it ends in less than 5 s whatever hangs.

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
    for chain in _chains(settings):
        yield from chain.findings(delivering.SECONDS + _MARGIN_SECONDS)


def _chains(settings: Settings) -> list[Chain]:
    """Start all checks. Those of this machine go one after the other: two that look for a lock would see each other."""
    meant = backend_is_meant(settings)
    return [
        Chain(
            [
                ("data folder", lambda: reading.folders(settings)),
                ("store", lambda: reading.stores(settings)),
                ("OpenCode releases", lambda: reading.releases(settings)),
                ("processes", reading.processes),
                ("watching", lambda: keeping.watching(settings)),
                ("agent", lambda: keeping.agent(settings, meant=meant)),
                (LEDGER, lambda: keeping.ledger(settings)),
                ("disk", lambda: keeping.disk(settings)),
                ("proxy", lambda: delivering.proxy(settings)),
            ]
        ),
        Chain([("traces", lambda: delivering.delivery(settings, "traces", meant=meant))]),
        Chain([("metrics", lambda: delivering.delivery(settings, "metrics", meant=meant))]),
        Chain([("other telemetry", lambda: reading.other_telemetry(os.environ, Path.cwd()))]),
    ]

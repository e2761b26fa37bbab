"""Runs all checks beside each other, and yields what they find in the order in which data flows."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from otel_agent.doctor import agent_checks, backend_checks, opencode_checks, watching
from otel_agent.doctor.chain import LEDGER, Chain
from otel_agent.doctor.chosen_backend import backend_is_expected
from otel_agent.doctor.finding import Finding, fail
from otel_agent.errors import SettingsError
from otel_agent.settings import Loaded, Settings

_MARGIN_SECONDS: Final = 0.5
"""A check of a backend is waited for so much longer than it may take, so that it can say itself that nothing answered."""


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
        yield from agent_checks.settings_file(found)
    for chain in _chains(settings):
        yield from chain.findings(backend_checks.SECONDS + _MARGIN_SECONDS)


def _chains(settings: Settings) -> list[Chain]:
    """Start all checks. Those of this machine go one after the other: two that look for a lock would see each other."""
    expected = backend_is_expected(settings)
    return [
        Chain(
            [
                ("data folder", lambda: opencode_checks.folders(settings)),
                ("store", lambda: opencode_checks.stores(settings)),
                ("OpenCode releases", lambda: opencode_checks.releases(settings)),
                ("processes", opencode_checks.processes),
                ("watching", lambda: watching.watching(settings)),
                ("agent", lambda: agent_checks.agent(settings, expected=expected)),
                (LEDGER, lambda: agent_checks.ledger(settings)),
                ("disk", lambda: agent_checks.disk(settings)),
                ("proxy", lambda: backend_checks.proxy(settings)),
                ("resource", lambda: backend_checks.resource(settings)),
            ]
        ),
        Chain([("traces", lambda: backend_checks.delivery(settings, "traces", expected=expected))]),
        Chain([("metrics", lambda: backend_checks.delivery(settings, "metrics", expected=expected))]),
        Chain([("other telemetry", lambda: opencode_checks.other_telemetry(os.environ, Path.cwd()))]),
    ]

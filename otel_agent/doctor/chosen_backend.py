"""Tells which backend was chosen, and if one is expected to accept anything: only then is a missing one a failure."""

import os
from typing import get_args

from otel_agent.agent.backend import otlp_options
from otel_agent.errors import LedgerError
from otel_agent.ledger.queries import open_to_read
from otel_agent.semconv import Signal
from otel_agent.settings import Settings
from otel_agent.settings.backend import names_backend


def backend_is_expected(settings: Settings) -> bool:
    """Return true if somebody named a backend, or if an agent has ever tried to send something to the default one."""
    if names_backend(settings, os.environ):
        return True
    try:
        with open_to_read(settings.state_dir) as ledger:
            return bool(ledger and ledger.deliveries())
    except LedgerError:
        return False


def stays_here(settings: Settings) -> bool:
    """Return true if no signal is exported."""
    return settings.exporter_of("traces") == settings.exporter_of("metrics") == "none"


def backend_in_words(settings: Settings, *, tried: bool) -> str:
    """Return where data goes: addresses without keys, names of other exporters, ``none``, or nothing if nobody chose.

    ``tried`` says that an agent has tried to deliver something, if only to the default address.
    """
    if stays_here(settings):
        return "none"
    if not (names_backend(settings, os.environ) or tried):
        return ""
    options, places = otlp_options(settings), dict[str, None]()
    for signal in get_args(Signal):
        exporter = settings.exporter_of(signal)
        places[options.target_of(signal) if exporter == "otlp" else exporter] = None
    return ", ".join(places)

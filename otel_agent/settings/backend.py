"""Tells if somebody chose a backend. Without one, only a summary uses the ledger, and nothing has to be kept to be sent."""

from collections.abc import Mapping
from typing import Final

from otel_agent.settings.values import Settings
from otel_agent.settings.variables import otlp_variables

_ENDPOINTS: Final = otlp_variables("endpoint")


def names_backend(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Return true if the settings or the environment name an address, or an exporter that needs none."""
    if settings.otlp.endpoint or any(environ.get(name, "").strip() for name in _ENDPOINTS):
        return True
    # ``otlp`` is the default, and is in each file that `config init` wrote: it says nothing.
    return any(settings.exporter_of(signal) in ("console", "file") for signal in ("traces", "metrics"))


def keeps_everything_here(settings: Settings) -> bool:
    """Return true if the file or a variable of ours says that nothing leaves this machine.

    OpenTelemetry's own variables may be meant for other programs of the same shell, so they do not count.
    """
    return settings.exporter == "none" and settings.traces_exporter is None and settings.metrics_exporter is None

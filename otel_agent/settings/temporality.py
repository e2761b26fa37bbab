"""Tells which temporality OpenTelemetry's standard variable asks for."""

from collections.abc import Mapping
from typing import Final

from otel_agent.settings.values import Settings

_VARIABLE: Final = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
_DELTA: Final = ("delta", "lowmemory")
"""``lowmemory`` differs for other instruments than ours: it means delta temporality for counters and histograms."""


def sends_increments(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Return true if metrics go out with delta temporality. The variable is about OTLP, and about no other exporter."""
    return settings.exporter_of("metrics") == "otlp" and environ.get(_VARIABLE, "").strip().lower() in _DELTA

"""The name by which a backend knows us."""

from typing import Final

from opentelemetry.exporter.otlp.proto.common.version import __version__ as sdk_version

from otel_agent import __version__

USER_AGENT: Final = f"otel-agent/{__version__} OTel-OTLP-Exporter-Python/{sdk_version}"
"""OTLP's specification wants the name of the exporter, and lets a product come before it."""

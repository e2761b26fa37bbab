"""otel-agent: OpenCode's usage, read from its storage and reported once, as OpenTelemetry signals."""

__version__ = "0.1.0"

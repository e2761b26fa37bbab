"""OTLP data, built with the SDK's types: metrics, spans and the resource."""

"""Sends one request and knows whether it was accepted: OTLP by HTTP or gRPC, files, console."""

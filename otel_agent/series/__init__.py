"""What the ledger knows, as OpenTelemetry signals."""

"""Sends what the ledger holds to the backend: spans until each is accepted, metrics at every interval."""

"""Proof of count: recounts OpenCode's stores cold, and compares with the ledger, the backend and OpenCode's own totals."""

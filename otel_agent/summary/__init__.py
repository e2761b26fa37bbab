"""What the ledger knows, for a person or a script."""

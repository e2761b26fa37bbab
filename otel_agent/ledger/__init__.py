"""The ledger: what was counted, what the totals are, and what is still owed to the backend. One SQLite file."""

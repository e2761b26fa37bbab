"""The ledger: one SQLite file with what was counted, the totals, and the spans that are pending."""

"""One step at a time, in the order in which data flows:

stores -> messages -> ledger (messages, totals, owed spans: one transaction) -> what is owed -> delivered.

No threads here, and no waiting: ``lifecycle`` says when, and what each stage does is its own affair.
"""

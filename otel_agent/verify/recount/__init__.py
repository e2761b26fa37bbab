"""The cold recount: plain SQL and JSON, and no code in common with what fills the ledger.

A mistake that both made would stay unseen. So nothing here imports from ``opencode``, ``intake``, ``series`` or
``ledger``, and what a record means is written down here a second time.
"""

"""Stores -> ledger: find the stores, read what is new, and count it.

Data flows one way, and nothing is read inside a transaction. ``catch_up`` opens the parts, ``store_finder`` knows where
stores are, ``ingest`` makes a pass over them, and ``traces`` puts what was counted into turns.
"""

"""Stores by the name of their kind, for tests that hold for several kinds."""

from __future__ import annotations

from pathlib import Path

from tests.support.made_stores import Database, DatabaseV2, JsonTree

Store = JsonTree | Database


def make_store(data_dir: Path, kind: str) -> Store:
    """Make an empty store in a data folder. The kind is ``json``, ``2.x``, or a release of 1.x."""
    match kind:
        case "json":
            return JsonTree(data_dir)
        case "2.x":
            return DatabaseV2(data_dir / "opencode.db").create()
        case release:
            return Database(data_dir / "opencode.db", release).create()

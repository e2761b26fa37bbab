"""Version 11 of the tables: the sessions of sub-agents that tool calls began or went on with."""

import sqlite3
from typing import Final

from otel_agent.ledger.migration_progress import OnMigration

_CALLED_SESSION: Final = """
CREATE TABLE called_session (
    -- of the calls in kept_call that say it; those that an older version kept are not looked at once more
    message INTEGER NOT NULL,
    position INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    PRIMARY KEY (message, position)
) WITHOUT ROWID"""


def to_version_11(database: sqlite3.Connection, _: OnMigration) -> None:
    """Add the table. Runs inside a migration."""
    database.execute(_CALLED_SESSION)

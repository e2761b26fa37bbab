"""The rows of a session of 2.x some minutes ago."""

from __future__ import annotations

from tests.end_to_end.turns import NOW
from tests.support.made_stores import DatabaseV2, session
from tests.support.made_stores.rows_of_2_x import Rows, S

AT = NOW - 300 * S
"""Some minutes ago: within the grace period of a turn that nothing ends."""


def rows_of(database: DatabaseV2, version: str = "2.0.17") -> Rows:
    return Rows(database, session(AT - S, version=version))


def without_idle(database: DatabaseV2) -> None:
    """Make the tables those of a beta, which notes nothing of sessions at rest."""
    for column in ("time_idle", "time_viewed", "idle_outcome"):
        database.execute(f"ALTER TABLE session_v2 DROP COLUMN {column}")

"""The version of a ledger, and how an older one becomes a current one: ``migrations`` has the steps.

Version 1 is the first. Version 2 adds the table ``problem``, and an index on when messages ended for reports.
Version 3 adds whole traces (``turn``, ``tool_call``), the counts per store and the deliveries. Version 4 adds the last
accepted point of each series, version 5 the unanswered one. Version 6 says from which record usage is known
(``source``) and adds the times of a model's answer. Version 7 gives one agent and one project one name. Version 8
names contexts by number and keeps sums (``layout_8``). Version 9 keeps tool calls (``layout_9``), version 10 changed
lines (``layout_10``), version 11 the sessions that calls began (``layout_11``).

The tables keep the words of their time, because a ledger outlives the code that wrote it. ``owed`` holds what is
pending, and ``refused`` marks what is quarantined. ``told_*`` is the last accepted point of a series, ``open_*`` the
unanswered one (see ``totals``). ``taken_ms`` is the time when something new was last accepted.
"""

import sqlite3
from typing import Final

from otel_agent.ledger import kept_sums, migrations
from otel_agent.ledger.late_indexes import make_indexes
from otel_agent.ledger.migration_progress import OnMigration, unreported

VERSION: Final = 11
"""Kept in ``PRAGMA user_version``. A newer otel-agent wrote a ledger with a higher one, which is left alone."""

WITH_PROBLEMS: Final = 2
"""The first version that has the table ``problem``."""
WITH_DELIVERY: Final = 3
"""The first version that has the tables ``store`` and ``delivery``."""

WITH_SOURCE: Final = 6
"""The first version that has ``message.source``."""
WITH_SUMS: Final = 8
"""The first version that has contexts and keeps sums."""
WITH_CALLS: Final = 9
"""The first version that keeps tool calls."""

APPLICATION_ID: Final = 0x07E1A6E7
"""Kept in ``PRAGMA application_id``, so that no other program's database passes for a ledger."""


def prepare(database: sqlite3.Connection, on_migration: OnMigration = unreported) -> None:
    """Create the tables in an empty database, or bring an older ledger up to ``VERSION``: all of it or nothing.

    ``on_migration`` is called while an older ledger is brought up.
    """
    found = version(database)
    if found == VERSION:
        return
    report = on_migration if found else unreported  # a new ledger is made at once
    report(0, 1)
    database.execute("BEGIN IMMEDIATE")
    try:
        if found == 0:
            migrations.create(database)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for migrate in migrations.STEPS[max(found, 1) - 1 :]:
            migrate(database, report)
        # After all steps: this is the code of today, which knows the tables of today only.
        if found < WITH_SUMS and database.execute("SELECT 1 FROM message LIMIT 1").fetchone():
            make_indexes(database)
            kept_sums.rebuild(database)
        # Part of the transaction: no ledger ever claims a version whose tables it lacks.
        database.execute(f"PRAGMA user_version = {VERSION}")
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # a full disk has rolled it back already
            database.execute("ROLLBACK")
        raise
    report(1, 1)


def version(database: sqlite3.Connection) -> int:
    """Return the version of the ledger, 0 for an empty database."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def belongs_to_us(database: sqlite3.Connection) -> bool:
    """True if the file is a ledger or an empty database."""
    if int(database.execute("PRAGMA application_id").fetchone()[0]) == APPLICATION_ID:
        return True
    # An agent that was killed while it began the ledger leaves an empty file without our id.
    return int(database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]) == 0

"""The way in which a migration says how far it is: a ledger with a million messages takes a while."""

from collections.abc import Callable

OnMigration = Callable[[int, int], None]
"""Called with how much is done, and how much there is to do, in any unit.

``schema.prepare`` makes the first call, with 0 done, and the last one, with everything done, once the ledger can be used.
A step reports less than everything in between. A ledger of the current version brings no call.
"""


def unreported(done: int, total: int) -> None:
    """Do nothing: nobody waits for this migration."""
    del done, total

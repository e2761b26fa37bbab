"""The errors that end a command, each with its exit code.

::

    OtelAgentError            1   an error without a better name
    ├── SettingsError         2   the settings cannot be used as written
    ├── UsageError            2   a command's options cannot be used as written
    ├── NothingFound          2   what was counted has no answer to a question that can be asked
    ├── NothingToVerify       2   there is nothing to compare, or one side of it cannot be reached
    ├── ServiceError          1   the login service cannot be set up (``service.manager``)
    ├── DeliveryError         3   the backend did not accept everything; nothing is lost
    ├── AmountPassed          6   ``summary --fail-above``: more was used than the amount
    ├── AmountUndecided       1   ``summary --fail-above``: nobody can know yet
    └── LedgerError           4   the ledger cannot be written
        ├── LedgerHeld            another agent writes it
        ├── LedgerNewer           a newer otel-agent wrote it
        └── LedgerDamaged         it is not the database we left behind
            └── LedgerMoved       another file, or none, is at the path of the open ledger

Each message says what happened and what to do about it; ``cli`` prints it and exits with ``exit_code``.
"""

from errno import EDQUOT, ENOSPC
from typing import ClassVar


class OtelAgentError(Exception):
    """The root of all errors that this program raises on purpose."""

    exit_code: ClassVar[int] = 1


class SettingsError(OtelAgentError):
    """The settings cannot be used as written."""

    exit_code = 2


class UsageError(OtelAgentError):
    """The options of a command cannot be used as written."""

    exit_code = 2


class NothingFound(OtelAgentError):
    """The options are right, and what was counted has no answer: there is no such session, for example."""

    exit_code = 2


class NothingToVerify(OtelAgentError):
    """There is nothing to compare, or one side of the comparison cannot be reached."""

    exit_code = 2


class DeliveryError(OtelAgentError):
    """The backend did not accept everything; the rest stays pending."""

    exit_code = 3


class AmountPassed(OtelAgentError):
    """More was used than ``summary --fail-above`` allows."""

    exit_code = 6


class AmountUndecided(OtelAgentError):
    """Whether more was used than ``summary --fail-above`` allows cannot be known yet."""


class LedgerError(OtelAgentError):
    """The ledger cannot be read or written now; nothing is lost."""

    exit_code = 4


class LedgerHeld(LedgerError):
    """Another process writes the ledger."""


class LedgerNewer(LedgerError):
    """A newer otel-agent wrote the ledger; it is left as it is."""


class LedgerDamaged(LedgerError):
    """The file is not the database that we wrote."""


class LedgerMoved(LedgerDamaged):
    """The ledger's file was removed or replaced while it was open. Its content is at its path again."""


def way_out(error: OSError, otherwise: str) -> str:
    """Return what to do about a file that cannot be written: ``otherwise``, unless the disk is full."""
    return "Free some space" if error.errno in (ENOSPC, EDQUOT) else otherwise

"""What can end a command, and with which exit code.

::

    OtelAgentError            1   something we did not foresee a better name for
    ├── SettingsError         2   the settings cannot be used as written
    ├── UsageError            2   a command's options cannot be used as written
    ├── DeliveryError         3   the backend did not take what is owed; nothing is lost
    └── LedgerError           4   the ledger cannot be written
        ├── LedgerHeld            another agent writes it
        ├── LedgerNewer           a newer otel-agent wrote it
        └── LedgerDamaged         it is not the database we left behind

Each message says what happened and what to do about it; ``cli`` prints it and exits with ``exit_code``.
"""

from typing import ClassVar


class OtelAgentError(Exception):
    """The root: catching it catches everything this program raises on purpose."""

    exit_code: ClassVar[int] = 1


class SettingsError(OtelAgentError):
    exit_code = 2


class UsageError(OtelAgentError):
    exit_code = 2


class DeliveryError(OtelAgentError):
    exit_code = 3


class LedgerError(OtelAgentError):
    exit_code = 4


class LedgerHeld(LedgerError):
    pass


class LedgerNewer(LedgerError):
    pass


class LedgerDamaged(LedgerError):
    pass

"""Lets totals go on when a ledger was lost or is an older copy: ``sent_points`` knows how far the backend is."""

import logging
import sqlite3
from typing import Final

from otel_agent.ledger import accepted_by, kept_totals
from otel_agent.ledger.calls_agree import RAISED
from otel_agent.ledger.facts import Facts
from otel_agent.ledger.guard import Guard
from otel_agent.ledger.sent_points import SentPoints
from otel_agent.ledger.totals import Totals
from otel_agent.model.plural import counted

log = logging.getLogger(__name__)

_CHANGES: Final = "sent_changes"
"""Key in ``meta`` and in the record: the number of its last change."""
_BROUGHT_BACK: Final = "brought_back"
"""Key in ``meta`` from the time when series got back what the backend has, until everything was read again."""
_ACCEPTED_BY: Final = (accepted_by.BACKEND, accepted_by.SINCE)
_OF_A_LIFE: Final = (
    "ledger_id",
    "instance_id",
    "created_ns",
    "backfill_from_ms",
    "calls_from_ms",
    "lines_from_ms",
    "epoch_message",
    *_ACCEPTED_BY,
)
"""The facts that a new ledger takes over from a lost one."""


class Continuity:
    """Keeps ledger and record in step."""

    def __init__(
        self, database: sqlite3.Connection, facts: Facts, sent: SentPoints, guard: Guard, totals: Totals
    ) -> None:
        self._database, self._facts, self._sent, self._guard, self._totals = database, facts, sent, guard, totals

    def facts_of_lost_ledger(self) -> dict[str, str]:
        """Return the facts of the ledger that was here before, empty if there was none or they are of no use."""
        facts = self._sent.facts()
        # Messages of another identity cannot be recognised any more.
        if "ledger_id" not in facts or facts.get("epoch_message", "0") != "0":
            return {}
        log.warning(
            "the ledger that was here is gone. Its totals go on from what the backend has, and everything is read again "
            "from what OpenCode has on disk"
        )
        return {key: facts[key] for key in _OF_A_LIFE if key in facts}

    def agree(self) -> bool:
        """Bring ledger and record together: the one with more changes is the newer one. Runs inside a transaction.

        Return True if the record has to be written again.
        """
        known, changes = self._sent.facts(), self._facts.number(_CHANGES)
        later = int(known.get(_CHANGES, 0))
        if known.get("ledger_id") != self._facts.find("ledger_id") or later < changes:
            return True
        if later > changes:
            number = self._sent.bring_back(self._database)
            self._facts.note(_CHANGES, later)
            for key in _ACCEPTED_BY:
                if key in known:
                    self._facts.note(key, known[key])
            self._facts.note(_BROUGHT_BACK, 1)
            self._facts.note(RAISED, 1)
            if self._facts.number("swept_ms"):
                self._facts.note("swept_ms", 1)  # the next sweep is noted, whenever the last one was
            log.warning(
                "the ledger knows less than was sent: %s continue from what the backend has",
                counted(number, "series", "series"),
            )
        return False

    def count_change(self) -> None:
        """Number the change of the running transaction, if it noted anything about points."""
        if self._totals.noted:
            self._facts.note(_CHANGES, self._facts.number(_CHANGES) + 1)

    def after_commit(self) -> None:
        """Make sure, before anything is sent, that neither a power cut nor a lost file forgets that it was."""
        if self._totals.noted:
            self._guard.checkpoint()
            self._sent.keep(self._database, sorted(self._totals.noted), self._known())
        else:
            self._guard.after_commit()

    def write_again(self) -> None:
        """Make the record again from the ledger, and put on the disk what the ledger is."""
        self._guard.checkpoint()
        self._sent.keep_all(self._database, self._known())

    def end_recovery(self) -> None:
        """Raise what is lower than at the backend although everything was read. Runs inside a transaction."""
        if self._facts.find(_BROUGHT_BACK) is None:
            return
        self._facts.forget(_BROUGHT_BACK)
        kept_totals.note(self._facts, self._database)
        if number := self._totals.raise_to_sent():
            log.warning(
                "%s keep the value that the backend has, because OpenCode no longer has all that was counted",
                counted(number, "series", "series"),
            )

    def _known(self) -> dict[str, str]:
        facts = self._facts.all()
        return {key: facts[key] for key in (*_OF_A_LIFE, _CHANGES) if key in facts}

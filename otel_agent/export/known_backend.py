"""Knows since when the backend of today accepts totals: what another backend accepted before, this one never got."""

import logging

from otel_agent.ledger.accepted_by import INCREMENTS
from otel_agent.ledger.writer import Ledger

log = logging.getLogger(__name__)


class KnownBackend:
    """The backend to which totals go. If another one accepted them before, each is due once.

    With increments none is: a backend that adds up itself gets what is gained from now on.
    """

    def __init__(self, ledger: Ledger, backend: str, *, delta: bool, now_ns: int) -> None:
        """``backend`` is its name in words, without keys. It is noted once it accepts something."""
        self._ledger, self._backend, self._delta = ledger, backend, delta
        self._name = f"{backend}{INCREMENTS}" if delta else backend
        before = ledger.accepted_by.backend
        never_ns = 0 if delta else 1
        self.since_ns = never_ns
        """What was accepted before this time, another backend accepted; 1 if there was none. Nothing is due if it is 0."""
        self._is_noted = before == self._name
        if self._is_noted:
            self.since_ns = max(ledger.accepted_by.since_ns, never_ns)
        elif not ledger.accepted_by.nothing:
            self.since_ns = 0 if delta else now_ns
            if before:
                log.info("%s", self._change(before))

    def heal(self, now_ns: int) -> None:
        """Bring the time of the change before the present, after a clock that was ahead."""
        if self.since_ns > now_ns:
            self.since_ns, self._is_noted = now_ns, False

    def note(self) -> None:
        """Note that the backend accepted something. Runs inside the transaction that says what."""
        if not self._is_noted:
            self._ledger.accepted_by.note(self._name, self.since_ns)
            self._is_noted = True

    def _change(self, before: str) -> str:
        if self._delta:
            return (
                f"increments go to {self._backend} now, from what is counted now on; until now {before} accepted totals"
            )
        return f"totals go to {self._backend} now. It gets each of them once; until now {before} accepted them"

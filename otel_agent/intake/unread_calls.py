"""Messages whose parts cannot be read just now: they wait, because a call that is left out is lost for ever.

They wait until their parts can be read, and at most for the grace period. Then they count, and the loss is a problem.
"""

from collections.abc import Sequence

from msgspec import Struct

from otel_agent.intake.counting import Rules
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Batch, Calls, Message, Problem, ProblemKind


class Unread(Struct, frozen=True):
    """What is decided about some messages."""

    waiting: frozenset[str]
    """The ids of those that do not count yet."""
    problems: list[Problem]
    """What cannot be read, and one problem for each message that counts although something of it may be missing."""


class UnreadCalls:
    """Decides which messages wait. The ledger notes since when, so that a restart does not begin the wait again."""

    def __init__(self, ledger: Ledger, rules: Rules) -> None:
        self._ledger, self._grace_ms = ledger, rules.killed_grace_ms

    def hold_back(self, batch: Batch, *, now_ms: int) -> None:
        """Take messages that wait out of a batch, whose reader brings them again. Note the loss of those that count."""
        if not batch.calls.unread:
            return
        new = self._ledger.messages.undecided(list(batch.calls.unread))
        unread = self.judge([message for message in batch.messages if message.id in new], batch.calls, now_ms=now_ms)
        # A turn that ended is sent once, with all its messages.
        batch.calls.ended -= {message.turn for message in batch.messages if message.id in unread.waiting}
        batch.messages = [message for message in batch.messages if message.id not in unread.waiting]
        batch.problems += unread.problems

    def judge(self, messages: Sequence[Message], calls: Calls, *, now_ms: int) -> Unread:
        """Decide which of these messages, which may count now, wait: those that failed for less than the grace period."""
        found = [(message.id, calls.unread[message.id]) for message in messages if message.id in calls.unread]
        if not found:
            return Unread(frozenset(), list(calls.unread.values()))
        noted = self._ledger.problems.of_places({problem.place for _, problem in found})
        # A time in the future was written by a wrong clock, and is no reason to wait.
        over = {each.place for each in noted if not 0 <= now_ms - each.noted_ms < self._grace_ms}
        losses = [
            Problem(ProblemKind.CALLS_LOST, f"{problem.place}#{id_}", problem.detail)
            for id_, problem in found
            if problem.place in over
        ]
        waiting = frozenset(id_ for id_, problem in found if problem.place not in over)
        return Unread(waiting, [*calls.unread.values(), *losses])

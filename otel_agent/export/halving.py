"""Sends items together, and halves a request that the backend rejects permanently, until what is at fault is alone.

Four spans, the third of them at fault::

    a b c d     rejected
    a b         accepted
        c d     rejected
        c       rejected alone: at fault
          d     accepted

There is one rule for giving up. ``GIVE_UP_AFTER`` items in a row may be rejected alone; the next rejection ends the run.
Then the endpoint is at fault, and not the items. Anything that is accepted starts the count again.
"""

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from otel_agent.export.outcomes import NO_REASON, SendSummary
from otel_agent.model import SendResult

GIVE_UP_AFTER: Final = 20
"""Items that are rejected one after the other before the endpoint itself is suspected."""

Item = TypeVar("Item")


class Halving(Generic[Item]):
    """One run over any number of requests. It remembers what was rejected alone."""

    def __init__(
        self,
        send: Callable[[Sequence[Item]], SendResult],
        *,
        on_accepted: Callable[[Sequence[Item], SendResult], SendSummary],
        on_rejected_alone: Callable[[Item], None],
    ) -> None:
        """``on_accepted`` notes that the backend has the items, and returns their part of the summary.

        ``on_rejected_alone`` notes an item at fault, before anything else is sent.
        """
        self._send, self._on_accepted, self._on_rejected_alone = send, on_accepted, on_rejected_alone
        self._in_a_row = 0
        self.at_fault: list[tuple[Item, SendResult]] = []
        """The items that were rejected alone, each with the backend's answer, in the order of sending."""

    @property
    def suspects_endpoint(self) -> bool:
        """True if so many items were rejected in a row that the endpoint is at fault, and not they."""
        return self._in_a_row >= GIVE_UP_AFTER

    @property
    def rejected_in_a_row(self) -> list[Item]:
        """The items that were rejected alone since something was last accepted."""
        return [item for item, _ in self.at_fault[len(self.at_fault) - self._in_a_row :]]

    def send(self, items: Sequence[Item]) -> SendSummary:
        """Send the items in one request, or in several if the backend rejects it.

        A summary with a reason means that sending more is of no use now.
        """
        result = self._send(items)
        if result.accepted:
            self._in_a_row = 0
            return self._on_accepted(items, result)
        # Only the content of a request is mended by halving: a backend that is away would be asked once for each item.
        if not result.permanent or self.suspects_endpoint:
            return SendSummary(reason=result.reason or NO_REASON)
        if len(items) == 1:
            self._in_a_row += 1
            self.at_fault.append((items[0], result))
            self._on_rejected_alone(items[0])
            return SendSummary()
        # The first half goes first, so that what is accepted stays in the order of the outbox.
        middle = len(items) // 2
        first = self.send(items[:middle])
        return first if first.reason else first + self.send(items[middle:])

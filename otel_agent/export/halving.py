"""Sends items together, and halves a request that the backend rejects permanently, until what is at fault is alone.

Four spans, the third of them at fault::

    a b c d     rejected
    a b         accepted
        c d     rejected
        c       rejected alone: at fault
          d     accepted

There is one rule for giving up. After ``GIVE_UP_AFTER`` items in a row were rejected alone, the next rejection makes the
endpoint suspect. A few items from elsewhere are then sent alone, as probes. If one is accepted, the run goes on: a long row
of items at fault holds up nothing behind it. If none is, the endpoint is at fault, and not the items. The run ends.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final, Generic, TypeVar

from otel_agent.export.generator import Data, Export, Requests
from otel_agent.export.send_summary import SendSummary
from otel_agent.model import SendResult

GIVE_UP_AFTER: Final = 20
"""Items that are rejected one after the other before the endpoint itself is suspected."""
PROBES: Final = 5
"""Items from elsewhere that are sent alone before the endpoint counts as the one at fault."""
MOST_ALONE: Final = 200
"""Items that one run isolates. Each costs two requests, so the rest waits for the next run."""

Item = TypeVar("Item")


class Halving(Generic[Item, Data]):
    """One run over any number of requests. It remembers what was rejected alone."""

    def __init__(
        self,
        request: Callable[[Sequence[Item]], Requests[Data, SendResult]],
        *,
        key: Callable[[Item], Hashable],
        on_accepted: Callable[[Sequence[Item], SendResult], SendSummary],
        on_rejected_alone: Callable[[Item], None],
        probes: Callable[[], Iterable[Item]] = tuple,
        harmless: Callable[[], Requests[Data, SendResult]] | None = None,
    ) -> None:
        """``request`` sends items and returns the backend's answer. ``key`` returns what identifies an item.

        ``on_accepted`` notes that the backend has the items, and returns their part of the summary.
        ``on_rejected_alone`` notes an item at fault, before anything else is sent. ``probes`` returns items from
        elsewhere; ``harmless`` sends what any endpoint accepts, and what may be sent twice.
        """
        self._request, self._key = request, key
        self._on_accepted, self._on_rejected_alone = on_accepted, on_rejected_alone
        self._probes, self._harmless = probes, harmless
        self._in_a_row, self._is_endpoint_at_fault = 0, False
        self._probed: set[Hashable] = set()
        """What was sent as a probe: this run does not send it once more."""
        self.at_fault: list[tuple[Item, SendResult]] = []
        """The items that were rejected alone, each with the backend's answer, in the order of sending."""

    @property
    def suspects_endpoint(self) -> bool:
        """True if so many items were rejected in a row that the endpoint is at fault, and not they."""
        return self._is_endpoint_at_fault or self._in_a_row >= GIVE_UP_AFTER

    @property
    def rejected_in_a_row(self) -> list[Item]:
        """The items that were rejected alone since something was last accepted."""
        return [item for item, _ in self.at_fault[len(self.at_fault) - self._in_a_row :]]

    def probe(self, count: int) -> Export[Data]:
        """Send up to ``count`` items alone until one is accepted. The summary has a reason if none was.

        A run begins so if the one before suspected the endpoint: one that rejects everything then costs one request.
        """
        rejected = SendResult(accepted=False)
        for item in self._unsent(count):
            self._probed.add(self._key(item))
            result = yield from self._request([item])
            if result.accepted:
                return self._note_accepted([item], result)
            if not result.permanent:
                return SendSummary.of_failure(result)
            self._note_rejected(item, result)
            rejected = result
        self._is_endpoint_at_fault = True
        return SendSummary.of_failure(rejected)

    def send(self, items: Sequence[Item]) -> Export[Data]:
        """Send the items in one request, or in several if the backend rejects it.

        A summary with a reason means that sending more is of no use now.
        """
        items = [item for item in items if self._key(item) not in self._probed]
        if not items:
            return SendSummary()
        result = yield from self._request(items)
        if result.accepted:
            return self._note_accepted(items, result)
        # Only the content of a request is mended by halving: a backend that is away would be asked once for each item.
        if not result.permanent or len(self.at_fault) >= MOST_ALONE:
            return SendSummary.of_failure(result)
        cleared = SendSummary()
        if self._in_a_row >= GIVE_UP_AFTER:
            cleared = yield from self._clear_endpoint()
            if cleared.reason:
                return SendSummary.of_failure(result)
        return cleared + (yield from self._isolate(items, result))

    def _isolate(self, items: Sequence[Item], result: SendResult) -> Export[Data]:
        """Find what is at fault among items that were rejected together."""
        if len(items) == 1:
            self._note_rejected(items[0], result)
            return SendSummary()
        # The first half goes first, so that what is accepted stays in the order of the outbox.
        middle = len(items) // 2
        first = yield from self.send(items[:middle])
        return first if first.reason else first + (yield from self.send(items[middle:]))

    def _clear_endpoint(self) -> Export[Data]:
        """Look for something that the endpoint accepts. The summary has a reason if there is nothing."""
        found = yield from self.probe(PROBES)
        if not self._is_endpoint_at_fault or self._harmless is None:
            return found
        result = yield from self._harmless()
        if not result.accepted:
            return SendSummary.of_failure(result)
        self._in_a_row, self._is_endpoint_at_fault = 0, False
        return SendSummary()

    def _unsent(self, count: int) -> list[Item]:
        tried = self._probed | {self._key(item) for item, _ in self.at_fault}
        return [item for item in self._probes() if self._key(item) not in tried][:count]

    def _note_accepted(self, items: Sequence[Item], result: SendResult) -> SendSummary:
        self._in_a_row = 0
        return self._on_accepted(items, result)

    def _note_rejected(self, item: Item, result: SendResult) -> None:
        self._in_a_row += 1
        self.at_fault.append((item, result))
        self._on_rejected_alone(item)

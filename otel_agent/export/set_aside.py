"""Remembers which data points the backend rejects on their own, so that they hold up no other.

A rejected point, other than a span, never leaves the ledger: its total goes on. From the next export on it is sent in a
request of its own, after all others. If one of them is accepted, the backend has changed, and all are sent together again.
"""

import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final, Generic

from otel_agent.export.generator import Data, Export, Requests
from otel_agent.export.halving import Item
from otel_agent.export.send_summary import NO_REASON, SendSummary
from otel_agent.model import SendResult
from otel_agent.model.plural import counted

log = logging.getLogger(__name__)

ALONE_AT_ONCE: Final = 20
"""Points that one export sends in requests of their own. If there are more, each gets its turn."""
_MOST_NAMED: Final = 10_000
"""Points that the log names, each once. If there are more, it names no others."""


class SetAside(Generic[Item]):
    """Knows by their keys the points that are sent alone. Only the process remembers them: a start tries all together."""

    def __init__(self, key: Callable[[Item], Hashable], name: Callable[[Item], str]) -> None:
        """``name`` returns what the log may say of an item: no value of an attribute."""
        self._key, self._name = key, name
        self._alone: dict[Hashable, None] = {}
        """The one whose turn it is comes first."""
        self._found: list[tuple[Item, SendResult]] = []
        self._named: set[Hashable] = set()
        """What the log named once already."""

    def split(self, items: Iterable[Item]) -> tuple[list[Item], list[Item]]:
        """Return the items to send together, and those to send alone, in the order of their turns."""
        together: list[Item] = []
        alone: dict[Hashable, Item] = {}
        for item in items:
            if self._key(item) in self._alone:
                alone[self._key(item)] = item
            else:
                together.append(item)
        return together, [alone[key] for key in self._alone if key in alone]

    def add(self, at_fault: Sequence[tuple[Item, SendResult]]) -> SendSummary:
        """Note items that were rejected alone by this export, and return their part of its summary."""
        self._found += at_fault
        return _rejected(len(at_fault), at_fault[-1][1]) if at_fault else SendSummary()

    def send_alone(
        self,
        items: Sequence[Item],
        request: Callable[[Sequence[Item]], Requests[Data, SendResult]],
        *,
        on_accepted: Callable[[Sequence[Item], SendResult], SendSummary],
        on_rejected: Callable[[Item], None] = lambda _: None,
    ) -> Export[Data]:
        """Send the items whose turn it is, each in a request of its own, until one is accepted or the backend fails.

        ``request``, ``on_accepted`` and ``on_rejected`` are as for ``Halving``.
        """
        summary = SendSummary()
        for item in items[:ALONE_AT_ONCE]:
            result = yield from request([item])
            if result.accepted:
                # The backend has changed: from now on all are sent together again.
                self._alone.clear()
                return summary + on_accepted([item], result)
            if not result.permanent:
                return summary + SendSummary.of_failure(result)
            on_rejected(item)
            summary += self._note_turn(item, result)
        return summary

    def settle(self, *, works: bool) -> None:
        """End an export. ``works`` says that the backend accepted something: only then the items are at fault."""
        found, self._found = self._found, []
        if not works or not found:
            return
        self._alone.update(dict.fromkeys(self._key(item) for item, _ in found))
        found = [(item, result) for item, result in found if self._key(item) not in self._named]
        if not found or len(self._named) > _MOST_NAMED:
            return
        self._named.update(self._key(item) for item, _ in found)
        item, result = found[0]
        log.warning(
            "the backend rejects %s, the first of %s (%s); all others are sent without, and each is tried alone",
            counted(len(found), "data point"),
            self._name(item),
            result.reason,
        )

    def _note_turn(self, item: Item, result: SendResult) -> SendSummary:
        """Note that an item was rejected alone once more: the others come first next time."""
        key = self._key(item)
        self._alone.pop(key, None)
        self._alone[key] = None
        return _rejected(1, result)


def in_words(metric: str, attributes: Iterable[str]) -> str:
    """Return a series as the log may name it: its metric and the names of its attributes, which hold no secret."""
    names = ", ".join(sorted(attributes))
    return f"{metric} with {names}" if names else metric


def _rejected(number: int, result: SendResult) -> SendSummary:
    return SendSummary(at_fault=number, reason=result.reason or NO_REASON, partly=True)

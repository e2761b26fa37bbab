"""Reads the tool calls of the history before the ledger, when somebody asks for them.

A first look leaves the parts of messages alone, because those of a whole history are tens of gigabytes. Here they are
read a few messages at a time, each by its key. Each batch is a transaction: whoever breaks off goes on there. They
raise no metric, because a backend's counters would jump by the calls of years.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from msgspec.structs import replace

from otel_agent.intake.readings import PATIENCE_SECONDS
from otel_agent.ledger.kept_calls import Found
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Calls, CallsWanted, Generation, Message, Store, Unreadable
from otel_agent.opencode.answering import answer_of

log = logging.getLogger(__name__)

_AT_ONCE: Final = 250
"""Messages in one transaction: a tenth of a second, and few megabytes of parts."""
_LATER: Final[dict[Generation, tuple[Generation, ...]]] = {
    Generation.TREE: (Generation.V1, Generation.V2),
    Generation.V1: (Generation.V2,),
    Generation.V2: (),
}
"""The formats into which OpenCode imports the messages of each one, under the same ids."""
_FAILURES: Final = (Unreadable, OSError, ValueError, ArithmeticError, RecursionError, MemoryError)

OnCalls = Callable[[int, int], None]
"""Called with how many messages were looked at, and how many there are to look at."""


class CallsOfHistory:
    """One walk over the messages whose calls nobody read. The thread that owns the ledger owns it."""

    def __init__(self, ledger: Ledger, stores: Callable[[], Sequence[Store]], now_ms: Callable[[], int]) -> None:
        """``stores`` returns the stores of the last pass."""
        self._ledger, self._stores, self._now_ms = ledger, stores, now_ms
        self._after = 0
        self.is_done = False
        """True once every message was looked at. One whose store failed is left for the next walk."""

    def begin(self) -> None:
        """Let messages be looked for again that OpenCode did not have on another day. Raises ``LedgerError``."""
        with self._ledger.transaction():
            self._ledger.kept_calls.look_again_at_gone(self._now_ms())

    def step(self) -> int:
        """Read the calls of the next few messages; return how many messages those were."""
        found = self._ledger.kept_calls.not_read(after=self._after, limit=_AT_ONCE)
        if not found:
            self.is_done = True
            return 0
        calls, all_read = self._calls([message for _, message in found])
        known = [
            (number, calls.tool_calls.get(message.id, ())) for number, message in found if message.id in calls.read
        ]
        gone = [number for number, message in found if message.id not in calls.read | calls.unread.keys()]
        with self._ledger.transaction():
            self._ledger.kept_calls.enter(known, Found.LATER)
            if all_read:
                self._ledger.kept_calls.note(gone, Found.GONE)
        self._after = found[-1][0]
        return len(found)

    def run(self, *, on_calls: OnCalls | None = None) -> None:
        """Read all of them."""
        self.begin()
        total = self._ledger.kept_calls.count_not_read()
        done = 0
        while not self.is_done:
            done += self.step()
            if on_calls is not None:
                on_calls(done, max(total, done))

    def _calls(self, messages: Sequence[Message]) -> tuple[Calls, bool]:
        """Return the calls that any store has, and False if a store could not be read."""
        calls, all_read = Calls(), True
        for asked in _rounds(messages):
            left = [message for message in asked if message.id not in calls.read]
            wanted = CallsWanted(messages=frozenset(message.id for message in left))
            for store in self._stores() if left else ():
                try:
                    calls.add(answer_of(store.name, partial(store.read_calls, left, wanted), PATIENCE_SECONDS))
                except _FAILURES as failure:
                    all_read = False
                    log.debug("the tool calls of the history cannot be read from %s: %s", store.name, failure)
        return calls, all_read


def _rounds(messages: Sequence[Message]) -> list[list[Message]]:
    """Return the messages as they were read, and then as OpenCode may have imported them since."""
    imported = [
        [
            replace(message, generation=_LATER[message.generation][index])
            for message in messages
            if index < len(_LATER[message.generation])
        ]
        for index in range(2)
    ]
    return [list(messages), *imported]

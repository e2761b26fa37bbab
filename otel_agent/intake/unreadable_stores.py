"""The stores that cannot be read now, and what has to wait for them.

A store that fails never holds up the others. Two kinds of messages wait for it, and only for the grace period. One is a
suspected copy, because its original may be in there. The other is an unfinished message that came from it, because its
tool calls are in there. Whatever is read first, a call counts once: the wait decides in which session.
"""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from otel_agent.intake.counting import Rules
from otel_agent.ledger.waiting import Decision
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Message, Problem, ProblemKind, State, Store
from otel_agent.model.plural import counted

log = logging.getLogger(__name__)

_REST: Final = 10
"""A store that failed slowly is left alone for this many times as long as that took, so that others are read meanwhile."""
_SLOW_SECONDS: Final = 0.5
_LONGEST_REST_SECONDS: Final = 60.0
_MOST_ORIGINS: Final = 10_000
"""Undecided messages whose store is remembered, about 2 MB for each kind. The store of any further one is unknown."""


class UnreadableStores:
    """Knows which stores failed when they were last read. The thread that owns the ledger owns it."""

    def __init__(self, ledger: Ledger, rules: Rules, now: Callable[[], float] = time.monotonic) -> None:
        """``now`` returns seconds that never go back."""
        self._ledger, self._grace_ms, self._now = ledger, rules.killed_grace_ms, now
        self._failed: set[str] = set()
        self._rest_until: dict[str, float] = {}
        self._began = 0.0
        self._places: set[str] = set()
        """Folders that could not be searched for stores in this pass."""
        self._origins: dict[str, str] = {}
        """Id of an unfinished message to the store from which it was read."""
        self._copies: dict[str, str] = {}
        """The same for suspected copies. In a map of their own they push out no unfinished message."""
        self._said = False

    @property
    def names(self) -> frozenset[str]:
        """The stores that cannot be read now."""
        return frozenset(self._failed)

    def begin_pass(self, stores: Iterable[str], problems: Iterable[Problem]) -> None:
        """Forget stores that are gone, and note the folders in which nobody can look for stores."""
        self._failed &= set(stores)
        self._places = {each.place for each in problems}

    def rests(self, store: Store, *, sweep: bool) -> bool:
        """Return True if the store failed slowly a moment ago. Otherwise its reading begins now."""
        self._began = self._now()
        return not sweep and store.name in self._failed and self._began < self._rest_until.get(store.name, 0.0)

    def note_failed(self, store: Store, *, silent: bool = False) -> None:
        """Note that a store could not be read, and for how long it is left alone.

        One that is ``silent`` costs nothing until it answers, so it gets no rest.
        """
        took = 0.0 if silent else self._now() - self._began
        rest = min(_REST * took, _LONGEST_REST_SECONDS) if took > _SLOW_SECONDS else 0.0
        self._rest_until[store.name] = self._now() + rest
        self._failed.add(store.name)

    def note_read(self, store: Store, *, whole: bool) -> None:
        """Note that a store was read. ``whole``: a tree that cannot be listed shows only if all of it is looked at."""
        if whole or not store.is_tree:
            self._failed.discard(store.name)

    def note_origins(self, messages: Iterable[Message], store: Store) -> None:
        """Note from which store unfinished messages and suspected copies came. Any other one counts at once."""
        for message in messages:
            if message.completed_ms is None:
                self._origins[message.id] = store.name
            elif message.copied:
                # It counts for the store in which it was read first.
                self._copies.setdefault(message.id, store.name)
        # What was decided long ago comes in here again when it is read again: when there are too many, the oldest go.
        for noted in (self._origins, self._copies):
            while len(noted) > _MOST_ORIGINS:
                del noted[next(iter(noted))]

    def awaited(self, now_ms: int) -> frozenset[str]:
        """Return the stores and folders that have been unreadable for less than the grace period.

        Nothing waits for a damaged database: it hardly ever becomes whole. The ledger says since when, so that a restart
        does not begin the wait again. A time in the future was written by a wrong clock, and is no reason to wait.
        """
        troubled = self._failed | self._places
        found = frozenset(
            each.place
            for each in (self._ledger.problems.of_places(troubled) if troubled else ())
            if each.kind is not ProblemKind.DAMAGED and 0 <= now_ms - each.noted_ms < self._grace_ms
        )
        self._said = self._said and bool(found)
        return found

    def decidable(self, decisions: Iterable[Decision], awaited: frozenset[str]) -> list[Decision]:
        """Return the decisions that need nothing from the stores that are awaited."""
        decisions = list(decisions)
        if not awaited:
            return decisions
        found = [each for each in decisions if each.state is not State.COUNTED or not self._waits(each, awaited)]
        if len(found) < len(decisions) and not self._said:
            self._said = True
            log.warning(
                "%s cannot be counted before %s can be read: originals of fork copies and tool calls may be in there. "
                "After killed_grace_seconds everything counts in any case",
                counted(len(decisions) - len(found), "message"),
                " and ".join(sorted(awaited)),
            )
        return found

    def by_origin(self, messages: Iterable[Message]) -> dict[str, list[Message]]:
        """Return by store the messages that were read from it; those of an unknown one are left out."""
        found: dict[str, list[Message]] = {}
        for message in messages:
            if store := self._origins.get(message.id) or self._copies.get(message.id):
                found.setdefault(store, []).append(message)
        return found

    def forget_decided(self, decisions: Iterable[Decision]) -> None:
        """Forget from where messages came that are decided now."""
        for each in decisions:
            self._origins.pop(each.message.id, None)
            self._copies.pop(each.message.id, None)

    def _waits(self, decision: Decision, awaited: frozenset[str]) -> bool:
        message = decision.message
        # What this process has not read may have come from any store.
        return message.copied or self._origins.get(message.id) in (None, *awaited)

"""Reads each store in a thread of its own, so that one that hangs in the kernel holds up nothing else.

The ledger belongs to the thread that counts. What a reader asks it is passed on to that thread and answered there. The two
never work at the same time. A reading that says nothing for a while is left to itself; it goes on once its store answers.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final

from msgspec.structs import replace

from otel_agent.model import AskWanted, Batch, CallsWanted, Message, Problem, ProblemKind, ReadScope, Recall, Store
from otel_agent.opencode.answering import Busy, NoAnswer, answer_of
from otel_agent.opencode.long_listings import Listed, listed_by

PATIENCE_SECONDS: Final = 30.0
"""A store that says nothing for so long is left alone by whoever has nothing else to do …"""
SHORT_PATIENCE_SECONDS: Final = 10.0
"""… and after so long by an agent that also exports."""
_CLOSE_SECONDS: Final = 2.0
_MOST_MISSED: Final = 10_000
"""Paths that are remembered for a store that is busy; with more, everything counts as changed."""


class _BrokenOff(BaseException):
    """Nobody wants more of this reading."""


class _Reading:
    """One reading of one store."""

    def __init__(self, store: Store, now_ms: int, scope: ReadScope, *, is_first: bool) -> None:
        self.store, self._now_ms, self._scope, self._is_first = store, now_ms, scope, is_first
        self._said: SimpleQueue[Callable[[Recall, AskWanted], tuple[str, Any]]] = SimpleQueue()
        self._replies: SimpleQueue[Any] = SimpleQueue()
        self._listed: Listed | None = None
        self._advanced = 0.0
        """When it was last seen to list more of a folder, by a clock that never goes back."""
        self.thread = threading.Thread(target=self._read, name="reading", daemon=True)
        self.thread.start()

    def batches(self, recall: Recall, ask_wanted: AskWanted, seconds: float, *, left: bool) -> Iterator[Batch]:
        """Yield what the reader yields, and answer what it asks. Raises ``NoAnswer`` and whatever the reader raises.

        ``left`` says that the reading was left to itself before: then nothing is waited for.
        """
        wait = 0.0 if left else seconds
        while True:
            try:
                said = self._said.get(timeout=wait)
            except Empty:
                raise self._why_silent(wait, seconds) from None
            wait = seconds
            kind, content = said(recall, ask_wanted)
            if kind == "batch":
                yield content
                self._replies.put(True)
            elif kind == "answer":
                self._replies.put(content)
            elif content is None:
                return
            else:
                raise content

    def _why_silent(self, waited: float, patience: float) -> NoAnswer:
        """Return why it says nothing: a folder that is still being listed is no dead mount."""
        listed, now = listed_by(self.thread), time.monotonic()
        if listed != self._listed:
            self._listed, self._advanced = listed, now
        if listed is not None and now - self._advanced <= patience:
            return Busy(self.store.name, listed)
        return NoAnswer(self.store.name, waited)

    def break_off(self) -> None:
        """End the reading if it waits for an answer, and wait a moment until it has."""
        self._replies.put(_BrokenOff())
        self.thread.join(_CLOSE_SECONDS)

    def _read(self) -> None:
        end: BaseException | None = None
        batches: Iterator[Batch] = iter(())
        try:
            batches = self.store.read(self._recall, self._ask_wanted, now_ms=self._now_ms, scope=self._scope)
            for batch in batches:
                self._said.put(lambda *_, found=batch: ("batch", found))
                del batch
                self._answer()
        except _BrokenOff:
            with suppress(Exception):
                batches.close()  # type: ignore[attr-defined]  # nearly every reader is a generator
        except BaseException as failure:  # noqa: BLE001 - it is raised where the store is read
            end = failure
        self._said.put(lambda *_: ("end", end))

    def _recall(self, place: str) -> bytes | None:
        # The other thread would be woken for each folder of a history, only to say that it knows nothing of it.
        if self._is_first:
            return None
        self._said.put(lambda recall, _: ("answer", recall(place)))
        found: bytes | None = self._answer()
        return found

    def _ask_wanted(self, messages: Sequence[Message]) -> CallsWanted:
        self._said.put(lambda _, ask_wanted: ("answer", ask_wanted(messages)))
        found: CallsWanted = self._answer()
        return found

    def _answer(self) -> Any:
        answer = self._replies.get()
        if isinstance(answer, _BrokenOff):
            raise answer
        return answer


class Readings:
    """The readings of all stores. The thread that owns the ledger owns it."""

    def __init__(
        self, recall: Recall, ask_wanted: AskWanted, may_recall: Callable[[str], bool] = lambda _: True
    ) -> None:
        """All are called in the thread that asks for batches.

        If ``may_recall`` returns False, ``recall`` knows no place of that store yet. Each place is read once, so nothing is
        recalled in this reading.
        """
        self._recall, self._ask_wanted, self._may_recall = recall, ask_wanted, may_recall
        self.seconds = PATIENCE_SECONDS
        """Time without a word after which a reading is left to itself."""
        self._left: dict[str, _Reading] = {}
        """Store to the reading of it that hangs or is busy."""
        self._busy: set[str] = set()
        self._missed: dict[str, frozenset[str] | None] = {}
        """Store to the paths that changed while an earlier reading went on; ``None`` if all may have."""
        self._folders: frozenset[str] = frozenset()

    @property
    def silent(self) -> frozenset[str]:
        """The stores whose reading hangs, and the folders in which nobody can look for stores."""
        return self._folders | (self._left.keys() - self._busy)

    def is_left(self, store: Store) -> bool:
        """Return True if a reading of the store goes on by itself, so that nothing waits for it."""
        return store.name in self._left

    def note_folders(self, problems: Iterable[Problem]) -> None:
        """Note which folders did not answer in this pass."""
        self._folders = frozenset(each.place for each in problems if each.kind is ProblemKind.SILENT)

    def batches(self, store: Store, *, now_ms: int, scope: ReadScope) -> Generator[Batch, None, None]:
        """Yield what ``Store.read`` yields. If an earlier reading hung, it is that one which goes on.

        Raises ``NoAnswer``, and whatever the store raises.
        """
        left = self._left.pop(store.name, None)
        self._busy.discard(store.name)
        scope = self._with_missed(store.name, scope, is_used=left is None)
        reading = left or _Reading(store, now_ms, scope, is_first=not self._may_recall(store.name))
        try:
            yield from reading.batches(self._recall, self._ask_wanted, self.seconds, left=left is not None)
        except NoAnswer as why:
            self._left[store.name] = reading
            if isinstance(why, Busy):
                self._busy.add(store.name)
            raise
        finally:
            if store.name not in self._left:
                reading.break_off()

    def _with_missed(self, store: str, scope: ReadScope, *, is_used: bool) -> ReadScope:
        """Add what earlier passes could not look at. It is kept for a later one if this scope is not used either."""
        missed = self._missed.pop(store, frozenset())
        both = None if missed is None or scope.changed_paths is None else missed | scope.changed_paths
        if both is not None and len(both) > _MOST_MISSED:
            both = None
        if is_used:
            return replace(scope, changed_paths=both)
        self._missed[store] = both
        return scope

    def ask(self, store: Store, question: Callable[[], Any]) -> Any:
        """Return the answer of a store to a single question. Raises ``NoAnswer``, and whatever the store raises."""
        if store.name in self._left:
            raise NoAnswer(store.name, 0)
        return answer_of(store.name, question, self.seconds)

    def close(self, store: Store, batches: Generator[Batch, None, None] | None = None) -> None:
        """Close a store, unless a thread hangs in it: then nobody can, and the end of the process does it.

        ``batches`` that nobody wants more of are broken off before.
        """
        if batches is not None:
            batches.close()
        if store.name not in self._left:
            with suppress(NoAnswer):
                answer_of(store.name, store.close, _CLOSE_SECONDS)

"""Asks what may never answer, such as a dead network mount, in a thread that can be left to itself.

A call into the kernel that hangs cannot be broken off. So it is made in a thread of its own, and whoever asks goes on after
a while. As long as that thread hangs, the same place is not asked again: there is never more than one such thread for each.
"""

import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from otel_agent.model import Problem, ProblemKind, Unreadable
from otel_agent.opencode.bounded_files import in_words
from otel_agent.opencode.long_listings import Listed, listed_by

PATIENCE_SECONDS: Final = 5.0
"""Wait so long for a folder's listing or a file's status."""

Answer = TypeVar("Answer")


class NoAnswer(Unreadable):
    """Somebody still hangs at this place: leave alone what belongs to it."""

    def __init__(self, place: str, seconds: float) -> None:
        super().__init__(Problem(ProblemKind.SILENT, place, f"waited for {seconds:.0f} s" if seconds else "still"))


class Busy(NoAnswer):
    """No answer yet, because a long folder is being listed: it comes without help."""

    def __init__(self, place: str, listed: Listed) -> None:
        super().__init__(place, 0)
        seen = f"{in_words(listed.folder)}, {listed.entries:,} entries so far"
        self.problem = Problem(ProblemKind.BUSY, place, seen)


class _Question:
    """One call in a thread of its own."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask
        self._answer: Any = None
        self._failure: BaseException | None = None
        self._listed: Listed | None = None
        self.thread = threading.Thread(target=self._run, name="question", daemon=True)
        self.thread.start()

    def answer(self) -> Any:
        """Return what the call returned, or raise what it raised."""
        if self._failure is not None:
            raise self._failure
        return self._answer

    def why_silent(self, place: str, seconds: float) -> NoAnswer:
        """Return why there is no answer yet: a listing that went on since the last time this was asked is no dead mount."""
        before, now = self._listed, listed_by(self.thread)
        self._listed = now
        return NoAnswer(place, seconds) if now is None or now == before else Busy(place, now)

    def _run(self) -> None:
        try:
            self._answer = self._ask()
        except BaseException as failure:  # noqa: BLE001 - it is raised where the answer is wanted
            self._failure = failure


_hanging: Final[dict[str, _Question]] = {}
"""The questions that were not answered in time, by their place. Each thread that asks has places of its own."""


def answer_of(place: str, ask: Callable[[], Answer], seconds: float | None = None) -> Answer:
    """Return the answer to a question about a place. Raises ``NoAnswer``, and whatever ``ask`` raises.

    ``seconds`` is how long to wait; ``PATIENCE_SECONDS`` if it is not given.
    """
    seconds = PATIENCE_SECONDS if seconds is None else seconds
    before = _hanging.get(place)
    if before is not None and before.thread.is_alive():
        raise before.why_silent(place, 0)
    # What it says now is long out of date.
    _hanging.pop(place, None)
    question = _Question(ask)
    question.thread.join(seconds)
    if question.thread.is_alive():
        _hanging[place] = question
        raise question.why_silent(place, seconds)
    answer: Answer = question.answer()
    return answer

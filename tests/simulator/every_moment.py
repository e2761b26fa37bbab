"""One round of the agent, with a fault at each of its points in turn: the first, the second, and so on to the last."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.simulator.backend import Backend
from tests.simulator.faults import KINDS, Kind
from tests.simulator.machine import Event, Machine, machine
from tests.simulator.story import Played, judged

BEFORE = (
    Event("round"),
    Event("ask", ("tree", 2, 1)),
    Event("ask", ("v1", 1, 0)),
    Event("ask", ("v2", 2, 1)),
    Event("write", ("v1", "begin")),
    Event("round"),
    Event("answers", ("metrics", "answer lost")),
    Event("ask", ("v1", 1, 1)),
    Event("round"),
    Event("stop"),
    Event("answers", ("traces", "400")),
    Event("answers", ("metrics", "answer lost", "accept", "partial")),
    Event("write", ("v1", "finish")),
    Event("write", ("tree", "fork")),
    Event("write", ("v1", "kill")),
    Event("ask", ("tree", 1, 1)),
    Event("ask", ("v2", 1, 0)),
    Event("wait", (4_000,)),
)
"""What the round finds: messages of each kind, a lost answer, and a ledger that it has to open."""

ROUNDS = 3
"""The backend answers well after the one round, so no long pause has to pass."""


@dataclass(slots=True)
class Moment:
    """A machine whose agent is about to begin a round, as often as one likes."""

    made: Machine
    events: Sequence[Event]
    _state: Path
    _backend: Backend
    _now_ms: int
    _tried: int = 0

    def points(self) -> list[str]:
        """Play the round without a fault, and return the names of its points in their order."""
        self._again()
        self.made.faults.arm("kill", 0)
        self.made.round()
        return list(self.made.faults.names)

    def with_a_fault(self, kind: Kind, at: int) -> Played:
        """Play the round with one fault, bring the machine to rest, and judge it."""
        self._again()
        self.made.fault(kind, at)
        return judged(self.made, [*self.events, Event("fault", (kind, at))], rounds=ROUNDS)

    def _again(self) -> None:
        """Put back everything as it was before the round. The stores are as they were: nobody writes in it."""
        made, self._tried = self.made, self._tried + 1
        made.end()
        with made.faults.aside():
            if made.state != self._state:
                shutil.rmtree(made.state, ignore_errors=True)
            made.state = self._state.with_name(f"again-{self._tried}")
            shutil.copytree(self._state, made.state)
        made.backend, made.clock.now_ms, made.crashes = self._backend.copied(), self._now_ms, []
        made.faults.disarm()
        made.faults.hits.clear()


@contextmanager
def moment(events: Sequence[Event] = BEFORE, *, delta: bool = False) -> Iterator[Moment]:
    """Yield the moment after these events. They have to end with an agent that does not run."""
    with tempfile.TemporaryDirectory() as folder, machine(Path(folder), delta=delta) as made:
        for event in events:
            made.play(event)
        assert made.agent is None
        yield Moment(made, events, made.state, made.backend.copied(), made.clock.now_ms)


def every_moment(at_moment: Moment, kinds: Sequence[Kind] = KINDS) -> Iterator[Played]:
    """Yield what came of a fault of each kind at each point of the round that can have it."""
    for at in range(1, len(at_moment.points()) + 1):
        yield from with_each_kind(at_moment, at, kinds)


def each_statement(at_moment: Moment, kinds: Sequence[Kind] = KINDS) -> Iterator[Played]:
    """Yield the same for the first point of each name only: each statement, each file, each request."""
    names = at_moment.points()
    for name in dict.fromkeys(names):
        yield from with_each_kind(at_moment, names.index(name) + 1, kinds)


def with_each_kind(at_moment: Moment, at: int, kinds: Sequence[Kind]) -> Iterator[Played]:
    """Yield what came of a fault of each kind at one point. A kind that the point cannot have is left out."""
    for kind in kinds:
        played = at_moment.with_a_fault(kind, at)
        if played.hits:
            yield played

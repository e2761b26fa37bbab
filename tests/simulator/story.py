"""Stories: what happens to a machine, drawn from a seed, played to the end, judged, and made shorter."""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulator import oracle
from tests.simulator.backend import BEHAVIOURS, some_behaviours
from tests.simulator.faults import KINDS
from tests.simulator.machine import CATCH_UP_ROUNDS, Event, Machine, machine
from tests.simulator.writers import GENERATIONS, MODELS

POINTS_OF_ROUNDS = (40, 120, 400)
"""A round with nothing to do has about as many points as the first of these, one with much to do as the last."""
SHOWN = 10
"""So many of the things that are wrong are printed: mostly they have one cause."""
NEVER_FOR_LONG = ("partial",)


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a story."""

    events: Sequence[Event]
    wrong: list[str]
    """Empty if everything is as it should be."""
    hits: list[str] = field(default_factory=list)
    messages: int = 0
    kills: int = 0
    requests: int = 0

    @property
    def kind(self) -> str:
        """What is wrong in short, without names and numbers; empty if nothing is."""
        return re.sub(r"\{.*?\}|\S*[\d_.]\S*", "", self.wrong[0]) if self.wrong else ""

    def __str__(self) -> str:
        more = [f"… and {len(self.wrong) - SHOWN} more"] if len(self.wrong) > SHOWN else []
        return "\n".join(
            [*map(str, self.events), *(f"  hit: {each}" for each in self.hits), *self.wrong[:SHOWN], *more]
        )


def drawn(seed: int, rounds: int) -> list[Event]:
    """Return the story of a seed. It has ``rounds`` rounds of the agent, and about three events for each."""
    draw = random.Random(seed)
    events: list[Event] = []
    if draw.random() < 0.7:  # else there is a history before the agent's first start
        events.append(Event("round"))
    for _ in range(rounds):
        events += [_by_opencode(draw) for _ in range(draw.randint(0, 3))]
        if draw.random() < 0.5:
            events.append(_by_the_backend(draw))
        events.append(_by_the_agent(draw))
    return events


def play(events: Sequence[Event], *, delta: bool = False) -> Played:
    """Play a story on a new machine, bring it to rest, and judge it."""
    with tempfile.TemporaryDirectory() as folder, machine(Path(folder), delta=delta) as made:
        for event in events:
            if not made.crashes:  # else it is over
                made.play(event)
        return judged(made, events)


def judged(made: Machine, events: Sequence[Event], *, rounds: int = CATCH_UP_ROUNDS) -> Played:
    """Bring a machine to rest and say what is wrong. It has to catch up within so many rounds."""
    if not made.crashes:
        made.recover(rounds)
    with made.faults.aside():
        wrong = oracle.after_catching_up(made)
    if not wrong:
        made.settle()
        with made.faults.aside():
            wrong = oracle.after_settling(made)
    numbers = len(made.books.counting()), made.kills, made.backend.requests.total()
    return Played(events, list(dict.fromkeys(wrong)), made.faults.hits, *numbers)


def shortest(events: Sequence[Event], is_wrong: Callable[[Sequence[Event]], bool]) -> list[Event]:
    """Leave out events as long as the story stays wrong."""
    left, step = list(events), max(len(events) // 2, 1)
    while True:
        at = 0
        while at < len(left):
            shorter = left[:at] + left[at + step :]
            if is_wrong(shorter):
                left = shorter
            else:
                at += step
        if step == 1:
            return left
        step = max(step // 2, 1)


def _by_opencode(draw: random.Random) -> Event:
    generation = draw.choice(GENERATIONS)
    if draw.random() < 0.5:
        return Event("ask", (generation, draw.randint(1, 3), draw.choice((0, 0, 1, 2))))
    return Event("write", (generation, draw.choice(("begin", "finish", "finish", "fork", "kill"))))


def _by_the_backend(draw: random.Random) -> Event:
    match draw.randint(0, 6):
        case 6:
            return Event("slow", (draw.choice((0, 1, 5)),))
        case 0:
            return Event("away", (draw.choice([each for each in BEHAVIOURS if each not in NEVER_FOR_LONG]),))
        case 1:
            return Event("away", ("accept",))
        case 2:
            return Event("poison", (draw.choice(MODELS)[1],))
        case _:
            return Event("answers", (draw.choice(("traces", "metrics")), *some_behaviours(draw, draw.randint(1, 4))))


def _by_the_agent(draw: random.Random) -> Event:
    match draw.randint(0, 11):
        case 0 | 1 | 2 | 3:
            return Event("fault", (draw.choice(KINDS), draw.randint(1, draw.choice(POINTS_OF_ROUNDS))))
        case 4:
            return Event("restart")
        case 5:
            return Event("kill")
        case 6:
            return Event("wait", (draw.choice((1, 30, 300, 3_600, 10_000)),))
        case 7:
            return Event(draw.choice(("work", "stop")))
        case _:
            return Event("round")

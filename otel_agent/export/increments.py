"""Turns sums that are kept elsewhere, such as a process' CPU time, into increments for delta temporality.

Only the process remembers them: they begin with it. An increment that got no answer is sent again with its old times, as for
the ledger's series. Nothing newer of its sum is sent before, so a backend can drop the repeat.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from otel_agent.model import Observation

SumKey = tuple[object, ...]


class ObservedPoint(Struct, frozen=True):
    """One observation to send, and for an increment what to remember once the backend has it."""

    observation: Observation
    at_ns: int
    """The time of its point."""
    key: SumKey | None = None
    """The sum that it is an increment of; ``None`` for everything else."""
    total: float = 0
    """The whole sum at that time."""


class Increments:
    """Remembers each sum as the backend has it. A sum that is missing once is forgotten, except for what got no answer."""

    def __init__(self) -> None:
        self._last: dict[SumKey, tuple[float, int]] = {}
        """Value and time of each sum when the backend last accepted an increment of it."""
        self._unanswered: dict[SumKey, ObservedPoint] = {}

    def due(self, observations: Iterable[Observation], now_ns: int) -> list[ObservedPoint]:
        """Return what to send: unanswered increments first, then gauges as they are, and what each other sum gained."""
        found = list(self._unanswered.values())
        current: dict[SumKey, tuple[float, int]] = {}
        for observation in observations:
            if observation.since_ns is None:
                found.append(ObservedPoint(observation, now_ns))
                continue
            # The start is part of the key: a process that ended may have left its number to a new one.
            key = observation.metric, observation.since_ns, *sorted(observation.attributes.items())
            before, since_ns = current[key] = self._last.get(key, (0, observation.since_ns))
            if key not in self._unanswered:
                gained = Observation(observation.metric, observation.value - before, observation.attributes, since_ns)
                found.append(ObservedPoint(gained, now_ns, key, observation.value))
        self._last = current
        return found

    def mark_unanswered(self, points: Sequence[ObservedPoint]) -> None:
        """Note that the backend may or may not have these."""
        self._unanswered.update({point.key: point for point in points if point.key is not None})

    def mark_known(self, points: Sequence[ObservedPoint]) -> None:
        """Note that the backend has these, or will never have them: what comes next begins after them."""
        for point in points:
            if point.key is not None:
                self._unanswered.pop(point.key, None)
                self._last[point.key] = point.total, point.at_ns

"""Turns sums that are kept elsewhere, such as a process' CPU time, into increments for delta temporality.

Only the process remembers them: they begin with it. As for the ledger's series, an increment that got no answer is sent
again as it was, with its old times, before anything newer of its sum. So a backend can drop the repeat.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from otel_agent.model import Observation

SumKey = tuple[object, ...]


class Gain(Struct, frozen=True):
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
        self._unanswered: dict[SumKey, Gain] = {}

    def due(self, observations: Iterable[Observation], now_ns: int) -> list[Gain]:
        """Return what to send: unanswered increments first, then gauges as they are, and what each other sum gained."""
        found = list(self._unanswered.values())
        current: dict[SumKey, tuple[float, int]] = {}
        for observation in observations:
            if observation.since_ns is None:
                found.append(Gain(observation, now_ns))
                continue
            # The start is part of the key: a process that ended may have left its number to a new one.
            key = observation.metric, observation.since_ns, *sorted(observation.attributes.items())
            before, since_ns = current[key] = self._last.get(key, (0, observation.since_ns))
            if key not in self._unanswered:
                gained = Observation(observation.metric, observation.value - before, observation.attributes, since_ns)
                found.append(Gain(gained, now_ns, key, observation.value))
        self._last = current
        return found

    def mark_unanswered(self, gains: Sequence[Gain]) -> None:
        """Note that the backend may or may not have these."""
        self._unanswered.update({gain.key: gain for gain in gains if gain.key is not None})

    def mark_known(self, gains: Sequence[Gain]) -> None:
        """Note that the backend has these, or will never have them: what comes next begins after them."""
        for gain in gains:
            if gain.key is not None:
                self._unanswered.pop(gain.key, None)
                self._last[gain.key] = gain.total, gain.at_ns

"""Turns sums that are kept elsewhere, such as a process' CPU time, into increments for delta temporality."""

from collections.abc import Iterable

from otel_agent.model import Observation


class Increments:
    """Remembers each sum from one collection to the next. A sum that is missing once is forgotten."""

    def __init__(self) -> None:
        self._last: dict[tuple[object, ...], tuple[float, int]] = {}
        """Value and time of each sum at the last collection."""

    def since_last(self, observations: Iterable[Observation], now_ns: int) -> list[Observation]:
        """Return the gauges as they are, and of each sum what it gained since the last call, or since its start."""
        found: list[Observation] = []
        current: dict[tuple[object, ...], tuple[float, int]] = {}
        for observation in observations:
            if observation.since_ns is None:
                found.append(observation)
                continue
            # The start is part of the key: a process that ended may have left its number to a new one.
            key = observation.metric, observation.since_ns, *sorted(observation.attributes.items())
            before, since_ns = self._last.get(key, (0, observation.since_ns))
            current[key] = observation.value, now_ns
            gained = observation.value - before
            found.append(Observation(observation.metric, gained, observation.attributes, since_ns))
        self._last = current
        return found

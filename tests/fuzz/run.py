"""Runs one target for a while, and finds the shortest record that breaks it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.changes import corpus
from tests.fuzz.targets import Target

_AT_ONCE: Final = 400
"""Records between two looks at the clock."""
LONGEST_SECONDS: Final = 20
"""A record of some kilobytes that takes longer would hold up the agent."""


class TooSlow(Exception):
    """One record took longer than any may."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that is not decoded as it should be."""

    record: bytes
    error: BaseException


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """The result of one target."""

    target: Target
    records: int
    broken: Broken | None


def fuzz(target: Target, *, seconds: float, first_seed: int, now: Callable[[], float] = monotonic) -> Fuzzed:
    """Try the corpus, then new records until time is up or one fails. The same seed tries the same records."""
    until, number = now() + seconds, first_seed
    tried = _Tried(target)
    for record in corpus(target.name):
        broken = tried.alone(record)
        if broken is not None:
            return Fuzzed(target, tried.records, broken)
    while True:
        broken = tried.some(number)
        if broken is not None or now() >= until:
            return Fuzzed(target, tried.records, broken)
        number += 1


class _Tried:
    """Counts the records that were tried."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._strategy = target.strategy()
        self._last = b""
        self.records = 0

    def alone(self, record: bytes) -> Broken | None:
        """Try one record."""
        try:
            self._check(record)
        except Exception as error:  # noqa: BLE001 - whatever a decoder raises is what is looked for
            return Broken(record, error)
        return None

    def some(self, number: int) -> Broken | None:
        """Try some hundred records. Of those that fail, the shortest that Hypothesis finds is returned."""

        @seed(number)
        @settings(
            max_examples=_AT_ONCE,
            deadline=None,
            database=None,
            derandomize=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        @given(self._strategy)
        def one(record: bytes) -> None:
            self._check(record)

        try:
            one()
        except Exception as error:  # noqa: BLE001 - whatever a decoder raises is what is looked for
            return Broken(self._last, error)
        return None

    def _check(self, record: bytes) -> None:
        self.records += 1
        self._last = record
        with _within(LONGEST_SECONDS):
            self._target.check(record)


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    """Raise ``TooSlow`` if it takes longer. Only the main thread of a process can use it."""

    def end(_number: int, _frame: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)

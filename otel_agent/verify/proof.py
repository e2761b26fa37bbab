"""The whole proof: looks until the picture is consistent, and asks the backend."""

import os
import time
from collections.abc import Callable
from threading import Event
from typing import Final

from msgspec import Struct

from otel_agent.errors import NothingToVerify
from otel_agent.intake.store_finder import known_locations
from otel_agent.model import Problem, Store
from otel_agent.opencode.locations import find_stores
from otel_agent.settings import Settings
from otel_agent.verify import backend
from otel_agent.verify.amounts import Cause
from otel_agent.verify.differences import doubt_corrections
from otel_agent.verify.gather import Gathered
from otel_agent.verify.look import Looked, look
from otel_agent.verify.report import Agreement, Report, count_agreeing
from otel_agent.verify.scratch import Scratch

_LOOKS: Final = 5
"""Looks at most, if an agent goes on counting in between."""
_PAUSE_SECONDS: Final = 1.5
"""The agent reads a change within 0.2 s if it is watched, and within 2 s otherwise."""


class VerifyOptions(Struct, frozen=True, kw_only=True):
    """What a person asks ``verify`` for."""

    day: Callable[[int], str]
    """Returns the name of the day of a time in milliseconds."""
    prometheus: str | None = None
    """The base address of a Prometheus."""
    timeout_seconds: float = 30.0
    on_record: Callable[[], None] = lambda: None
    """Called for each record that was recounted."""
    backend: str = ""
    """The backend of the totals that the settings name, in words; empty if there is none."""


def verify(settings: Settings, asked: VerifyOptions) -> Report:
    """Recount everything, compare, and return what was found. Nothing is written, neither here nor in OpenCode's storage.

    Raises ``NothingToVerify`` without a ledger or a store, and ``LedgerError`` if the ledger cannot be read.
    """
    stores, unreadable = _found(settings)
    missing: list[int] = []
    while True:
        scratch = Scratch(asked.day)
        try:
            looked = look(
                settings,
                stores.items(),
                unreadable,
                scratch,
                # Fewer are missing each time: the agent reads a backlog.
                catching_up=missing[-2:] != sorted(missing[-2:]),
                now_ms=time.time_ns() // 1_000_000,
                on_record=asked.on_record,
            )
            report = _report(settings, asked, stores, looked)
            missing.append(Gathered(scratch, looked.own).number_missing())
        finally:
            scratch.close()
        # What an agent is counting now may be half done. What it did not count in all this time is missing.
        if not report.unexplained or not looked.running or len(missing) == _LOOKS:
            return report
        Event().wait(_PAUSE_SECONDS)


def _found(settings: Settings) -> tuple[dict[str, Store], list[Problem]]:
    """Return the stores by their real paths, and the folders that may not be listed. Raises ``NothingToVerify``."""
    locations = known_locations(settings)
    stores, unreadable = find_stores(locations)
    if not stores and not unreadable:
        places = ", ".join(map(str, locations.paths))
        raise NothingToVerify(f"there is no store of OpenCode's to recount. Looked in: {places}")
    return stores, unreadable


def _report(settings: Settings, asked: VerifyOptions, stores: dict[str, Store], looked: Looked) -> Report:
    seen, gathered = looked.ledger, Gathered(looked.scratch, looked.own)
    sent = backend.compare_published(looked.scratch, seen, disjoint=settings.accounting == "disjoint")
    wrong = [(each.provider, each.model) for each in sent.differences if each.cause is Cause.PUBLISHED]
    doubt_corrections(looked.scratch, wrong)
    beside, prometheus = sent.differences, None
    if asked.prometheus is not None:
        answer = backend.ask_prometheus(
            asked.prometheus, seen, settings, os.environ, timeout_seconds=asked.timeout_seconds
        )
        beside, prometheus = [*beside, *answer.differences], answer.prometheus
    unexplained = gathered.unexplained(beside)

    def agreement(what: str, differing: set[str]) -> Agreement:
        return count_agreeing(gathered.keys(what), differing | gathered.uncompared(what))

    return Report(
        stores=gathered.stores([store.name for store in stores.values()]),
        records=gathered.records,
        only_in_totals=looked.own.only_in_totals,
        ledger=gathered.ledger,
        accepted=sent.accepted,
        prometheus=prometheus,
        sessions_with_totals=looked.own.sessions,
        days=agreement("day", {each.day for each in unexplained}),
        models=agreement("model", {each.model for each in unexplained}),
        sessions=agreement("session", {each.session for each in unexplained}),
        explained=gathered.explained(beside),
        unexplained=unexplained,
        spans_pending=seen.spans_pending,
        delivery=seen.failing,
        rejected=seen.rejected,
        accepted_by=seen.facts.accepted_by,
        backend=asked.backend,
        reading=seen.reading,
        reading_stopped=seen.reading is not None and not looked.running,
    )

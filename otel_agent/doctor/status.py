"""Asks how the agent is doing in short: does it run, which stores does it read, does the backend accept its data."""

import os
from collections.abc import Iterable
from datetime import datetime
from typing import Final, get_args

from msgspec import Struct, field

from otel_agent.doctor.chosen_backend import backend_in_words
from otel_agent.intake.store_claims import ADVICE, shared_stores
from otel_agent.intake.store_finder import known_locations
from otel_agent.intake.watch_counts import unwatched
from otel_agent.ledger.answers import Scope
from otel_agent.ledger.delivery_state import SignalDelivery
from otel_agent.ledger.hold import Holder, held_by
from otel_agent.ledger.queries import Queries, open_to_read
from otel_agent.ledger.reading import NOT_BEGUN, Reading
from otel_agent.ledger.unreadable_stores import UnreadableStore
from otel_agent.model import Problem, ProblemKind, Store
from otel_agent.obstacles import obstacle
from otel_agent.opencode.answering import NoAnswer, answer_of
from otel_agent.opencode.locations import StoreLocations, doubts, find_stores, watched_folders
from otel_agent.semconv import Signal
from otel_agent.settings import Settings
from otel_agent.summary.text.warnings import warnings

GOOD: Final = 0
NOT_DELIVERED: Final = 3
NOT_COUNTED: Final = 4
NOT_RUNNING: Final = 5

_NOT_ALLOWED: Final = (ProblemKind.NO_ACCESS, ProblemKind.NOT_LISTED)


class StoreProblem(Struct, frozen=True):
    """What keeps a store from being read now."""

    kind: ProblemKind
    noticed_ms: int
    """When this was first met; the store can have been so before."""


class FoundStore(Struct, frozen=True):
    """A store that exists now, or that is in a folder into which nobody can look now."""

    name: str
    counted: dict[str, int]
    """Number of messages counted from it, by the generation of its format."""
    problem: StoreProblem | None = None
    """If there is one, only these messages count: any others, such as newer ones, are missing."""


class Status(Struct, frozen=True, kw_only=True):
    """The state of the agent; its fields are those of the JSON. Times are in milliseconds since the Unix epoch."""

    running: Holder | None
    stores: list[FoundStore]
    messages_elsewhere: int
    """Number of counted messages whose store is gone or unknown: those of ``stores`` and these are all."""
    looked_in: list[str]
    newest_message_ms: int | None
    newest_message_age_s: float | None
    series: int
    spans_pending: int = field(name="spans_owed")
    """The JSON keeps the name of its first version beside this one: monitoring reads it."""
    spans_quarantined: int
    """How many of these the backend rejected alone. The next start tries them again."""
    deliveries: list[SignalDelivery]
    state_dir: str
    reading: Reading | None = None
    """How far the reading of history is; ``None`` if it has ended. Until then all numbers are too small."""
    backend: str = ""
    """Where data goes, without keys; empty if nobody chose a backend, ``none`` if nothing leaves this machine."""
    silent: tuple[str, ...] = ()
    """The stores and folders that do not answer, like a network mount that is gone."""
    unreadable: tuple[str, ...] = ()
    """The stores that cannot be read now: damaged since they were read, forbidden, or locked for ten minutes."""
    warnings: tuple[str, ...] = ()
    """Sentences about the settings, and about what could not be read of OpenCode's storage: one for each kind of problem."""

    @property
    def exit_code(self) -> int:
        """The exit code for monitoring: 0 if the agent runs and delivers, 3 if it does not deliver.

        It is 4 if the agent cannot count or cannot read a store, and 5 if it does not run.
        """
        if self.running is None:
            return NOT_RUNNING
        if self.running.trouble is not None or self.silent or self.unreadable:
            return NOT_COUNTED
        return NOT_DELIVERED if any(each.failing_ms is not None for each in self.deliveries) else GOOD


def status_of(settings: Settings, now: datetime, notes: Iterable[str] = ()) -> Status:
    """Return the status now, without disturbing an agent that runs. ``notes`` are warnings about the settings.

    Raises ``LedgerError`` if its ledger is unreadable.
    """
    locations = known_locations(settings)
    found, problems = find_stores(locations)
    # Asked before the ledger: a process that ends in between leaves a ledger that says that everything was read.
    running = held_by(settings.state_dir)
    with open_to_read(settings.state_dir) as ledger:
        newest_ms = ledger.newest_ms() if ledger else None
        silent = _silent(problems, ledger)
        lost = _lost(found, problems, ledger, round(now.timestamp() * 1_000))
        stores, elsewhere = _stores(found, lost, ledger)
        return Status(
            running=running,
            stores=stores,
            messages_elsewhere=elsewhere,
            looked_in=[str(path) for path in locations.paths],
            newest_message_ms=newest_ms,
            newest_message_age_s=None if newest_ms is None else max(now.timestamp() - newest_ms / 1e3, 0.0),
            series=ledger.series() if ledger else 0,
            spans_pending=ledger.pending() if ledger else 0,
            spans_quarantined=ledger.quarantined() if ledger else 0,
            deliveries=_deliveries(settings, ledger) if ledger else [],
            state_dir=str(settings.state_dir),
            reading=ledger.reading() if ledger else NOT_BEGUN,
            backend=backend_in_words(settings, tried=bool(ledger and ledger.deliveries())),
            silent=silent,
            unreadable=tuple(name for name in sorted(lost) if lost[name].is_alarm(now.timestamp() * 1_000)),
            warnings=(
                *notes,
                *(warnings(ledger) if ledger else ()),
                *(f"{each.place} does not answer. It is read once it does." for each in problems if _is_silent(each)),
                *_new(problems, ledger),
                *doubts(locations),
                *_unwritable(settings),
                *_unwatched(running, locations, found),
                *(f"{each}. {ADVICE}" for each in shared_stores(found, settings.state_dir)),
            ),
        )


def _deliveries(settings: Settings, ledger: Queries) -> list[SignalDelivery]:
    """Return the deliveries of the signals that have an exporter: of any other, a failure is over."""
    wanted = [signal for signal in get_args(Signal) if settings.exporter_of(signal) != "none"]
    return [each for each in ledger.deliveries() if each.signal in wanted]


def _silent(problems: list[Problem], ledger: Queries | None) -> tuple[str, ...]:
    """Return what does not answer: what the agent noted, and what does not answer this process."""
    noted = [each for each in ledger.problems() if each.kind is ProblemKind.SILENT] if ledger else []
    now = [each.place for each in problems if _is_silent(each)]
    return tuple(sorted({*now, *(place for each in noted for place in each.examples)}))


def _lost(
    found: dict[str, Store], problems: list[Problem], ledger: Queries | None, now_ms: int
) -> dict[str, UnreadableStore]:
    """Return the stores that cannot be read now, by name: those of the ledger, and those that nobody can look at now.

    One that is gone is none, unless it is in a folder that nobody may look into.
    """
    if ledger is None:
        return {}
    there = {store.name for store in found.values()}
    # One that is there is in a folder that could not be looked into before, unless it has a problem of its own.
    lost = {
        each.name: each
        for each in ledger.unreadable_stores()
        if (each.place.startswith(each.name) if each.name in there else each.is_hidden)
    }
    given = ledger.messages_by_store()
    for problem in problems:
        if problem.kind is ProblemKind.NOT_LISTED:
            continue  # its known stores were looked for by their names
        inside = f"{problem.place.rstrip(os.sep)}{os.sep}"
        for name in given.keys() - there - lost.keys():
            if name.startswith(inside):
                lost[name] = UnreadableStore(name, given[name], problem.kind, problem.place, now_ms)
    return lost


def _unwritable(settings: Settings) -> list[str]:
    found = obstacle(settings.state_dir, is_folder=True, to_write=True)
    return [f"{found[0]}: nothing new can be counted. {found[1]}, or set OTEL_AGENT_STATE_DIR."] if found else []


def _new(problems: list[Problem], ledger: Queries | None) -> list[str]:
    """Return a sentence about each folder that may not be looked into now, if the ledger does not know that yet."""
    known = {place for each in ledger.problems() for place in each.examples} if ledger else set()
    return [f"{each}." for each in problems if each.kind in _NOT_ALLOWED and each.place not in known]


def _is_silent(problem: Problem) -> bool:
    return problem.kind is ProblemKind.SILENT


def _unwatched(running: Holder | None, locations: StoreLocations, found: dict[str, Store]) -> list[str]:
    folders = watched_folders(locations, found.values())
    try:
        why = answer_of("watches", lambda: unwatched(running.pid, running.since, folders)) if running else ""
    except NoAnswer:
        return []  # what hangs is named
    return [f"Not all folders send events: {why}. All are polled instead, see `otel-agent doctor`."] if why else []


def _stores(
    found: dict[str, Store], lost: dict[str, UnreadableStore], ledger: Queries | None
) -> tuple[list[FoundStore], int]:
    """Return the stores that exist now or are hidden, and how many messages count that are from none of them."""
    names = dict.fromkeys([*(store.name for store in found.values()), *sorted(lost)])
    if ledger is None:
        return [FoundStore(name, {}) for name in names], 0
    with ledger.moment():
        noted, everything = ledger.store_counts(), ledger.usage(Scope()).messages
    stores = [
        FoundStore(
            name,
            {each.generation: each.messages for each in noted if each.store == name},
            StoreProblem(lost[name].kind, lost[name].noticed_ms) if name in lost else None,
        )
        for name in names
    ]
    return stores, max(everything - sum(sum(each.counted.values()) for each in stores), 0)

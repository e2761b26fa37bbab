"""Faults put into the agent on purpose, each by its name. A simulator that does not notice one is of no use.

Each is a small patch of one function, as a mistake would make it. ``caught`` plays stories until one goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from otel_agent.delivery import acknowledgement, tries
from otel_agent.export.metric_schedule import MetricSchedule
from otel_agent.export.span_export import SpanExport
from otel_agent.intake.counting import Counting
from otel_agent.intake.entering import Entering
from otel_agent.ledger import messages, records, totals, waiting, writer
from otel_agent.ledger.kept_sums import KeptSums
from otel_agent.ledger.outbox import Outbox
from otel_agent.model import SendResult
from tests.simulator.every_moment import Moment, moment
from tests.simulator.machine import Event
from tests.simulator.running import replaced
from tests.simulator.story import Played, drawn, play

Patch = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mistake: what it is, and how the agent is made to have it."""

    name: str
    patch: Patch


def _instead(owner: object, name: str, change: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Patch:
    """Return a patch that replaces a function by what ``change`` makes of it."""
    return lambda: replaced(owner, name, change(vars(owner)[name]))


def _nothing(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *_, **__: None


def _all_but_the_last(mark: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, entries: mark(self, list(entries)[:-1] or list(entries)[:0])


def _checkpoint_first(enter: Callable[..., Any]) -> Callable[..., Any]:
    def early(self: Any, batches: Any, outcome: Any, store: Any = None) -> None:
        found = list(batches)
        with self._ledger.transaction():
            for batch in found:
                self._ledger.remember(batch.checkpoints)
        enter(self, found, outcome, store)

    return early


def _accepted_before_it_is_sent(request: Callable[..., Any]) -> Callable[..., Any]:
    def early(self: Any, delivery: Any, entries: Any) -> Any:
        with self._ledger.transaction():
            self._ledger.outbox.mark_accepted(entries)
        return request(self, delivery, entries)

    return early


def _lost_in_quarantine(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, entry: self.mark_accepted([entry])


def _two_transactions(add: Callable[..., Any]) -> Callable[..., Any]:
    def late(self: Any, changes: Any, calls: Any, problems: Any) -> None:
        database = self._ledger._database
        database.execute("COMMIT")
        database.execute("BEGIN IMMEDIATE")
        add(self, changes, calls, problems)

    return late


def _started_now(begin: Callable[..., Any]) -> Callable[..., Any]:
    def restarted(self: Any, *arguments: Any) -> None:
        begin(self, *arguments)
        self._database.execute("UPDATE series SET start_ns = start_ns + 1")

    return restarted


def _without_the_message(insert: str) -> str:
    return insert.replace("INSERT INTO", "INSERT OR REPLACE INTO")


@contextmanager
def _counts_known_ids_again() -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(replaced(messages.Messages, "_known", lambda self, ids: {}))
        for name in ("INSERT_MESSAGE", "INSERT_PLAIN_MESSAGE"):
            stack.enter_context(replaced(records, name, _without_the_message(getattr(records, name))))
        yield


def _never_unknown(run: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, once, seconds: structs.replace(run(self, once, seconds), unanswered=False)


def _last_try_only(run: Callable[..., Any]) -> Callable[..., Any]:
    def forgetful(self: Any, once: Callable[[float], Any], seconds: float) -> SendResult:
        answers: list[SendResult] = []

        def noted(deadline: float) -> Any:
            found = once(deadline)
            answers.append(found.result)
            return found

        run(self, noted, seconds)
        return answers[-1]

    return forgetful


def _whole(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda partial: SendResult(accepted=True)


def _no_baseline(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *_, **__: False


def _no_twins(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *_, **__: False


def _lowered(raise_by: Callable[..., Any]) -> Callable[..., Any]:
    def once(self: Any, increases: Any, **options: Any) -> int:
        return int(raise_by(self, dict(list(increases.items())[1:]), **options))

    return once


MUTANTS: tuple[Mutant, ...] = (
    Mutant("an acknowledgement of spans is forgotten", _instead(Outbox, "mark_accepted", _all_but_the_last)),
    Mutant("a checkpoint is written before its messages", _instead(Entering, "enter", _checkpoint_first)),
    Mutant(
        "spans are marked accepted before they are sent", _instead(SpanExport, "_request", _accepted_before_it_is_sent)
    ),
    Mutant("no answer counts as not delivered", _instead(tries.Tries, "run", _never_unknown)),
    Mutant("only the last try says if a request may have arrived", _instead(tries.Tries, "run", _last_try_only)),
    Mutant("no baseline is sent", _instead(MetricSchedule, "_needs_baseline", _no_baseline)),
    Mutant("quarantine loses the span", _instead(Outbox, "quarantine", _lost_in_quarantine)),
    Mutant("a transaction is split in two", _instead(Counting, "add", _two_transactions)),
    Mutant("the kept sums are not updated", _instead(KeptSums, "add", _nothing)),
    Mutant("a known id is counted again", _counts_known_ids_again),
    Mutant("the start of a series changes at a restart", _instead(writer.Ledger, "begin", _started_now)),
    Mutant("a partial success counts as a whole one", _instead(acknowledgement, "partial_success", _whole)),
    Mutant("a point is not noted before it is sent", _instead(MetricSchedule, "mark_sent", _nothing)),
    Mutant("a copy of a fork counts", _instead(waiting, "has_twin", _no_twins)),
    Mutant("tool calls get no spans", _instead(Outbox, "add_calls", _nothing)),
    Mutant("an increase is dropped", _instead(totals.Totals, "raise_by", _lowered)),
    Mutant("an accepted point is not noted", _instead(totals.Totals, "mark_accepted", _nothing)),
)

PROVOCATIONS: tuple[tuple[Event, ...], ...] = (
    (
        Event("round"),
        Event("ask", ("tree", 2, 1)),
        Event("ask", ("v2", 1, 1)),
        Event("write", ("tree", "fork")),
        Event("round"),
        Event("answers", ("traces", "partial", "answer lost")),
        Event("ask", ("v1", 2, 2)),
        Event("write", ("v1", "fork")),
        Event("round"),
        Event("round"),
        Event("restart"),
    ),
    (
        Event("round"),
        Event("ask", ("v1", 1, 0)),
        Event("round"),
        Event("answers", ("metrics", "answer lost", "503")),
        Event("ask", ("v1", 1, 0)),
        Event("round"),
        Event("kill"),
        Event("ask", ("v1", 1, 0)),
        Event("round"),
        Event("answers", ("metrics", "hangs, but has it")),
        Event("ask", ("v1", 1, 0)),
        Event("round"),
        Event("kill"),
        Event("round"),
    ),
    (
        Event("round"),
        Event("ask", ("tree", 3, 1)),
        Event("ask", ("v1", 2, 1)),
        Event("poison", ("gpt-5",)),
        Event("round"),
        Event("round"),
        Event("away", ("503",)),
        Event("ask", ("v2", 2, 0)),
        Event("round"),
        Event("kill"),
    ),
)
"""Stories in which a mistake of the usual kinds shows."""
DEADLY = ("sql: BEGIN", "sql: COMMIT", "request", "answer")
"""The points between which something is done together. There a kill finds what is not."""


def caught(mutant: Mutant, seeds: Sequence[int] = (1, 2, 3)) -> Played | None:
    """Play stories with a mutant. Return the first that goes wrong, ``None`` if none does."""
    with mutant.patch():
        return next((played for played in _campaign(seeds) if played.wrong), None)


def _campaign(seeds: Sequence[int]) -> Iterator[Played]:
    for events in PROVOCATIONS:
        yield play(events)
    with moment() as at_moment:
        yield from _deaths(at_moment)
    for seed in seeds:
        yield play(drawn(seed, rounds=12))


def _deaths(at_moment: Moment) -> Iterator[Played]:
    names = at_moment.points()
    deadly = [at for at, name in enumerate(names, 1) if name.startswith(DEADLY)]
    for at in deadly:
        yield at_moment.with_a_fault("kill", at)

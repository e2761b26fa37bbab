"""The judge: compares the books with the ledger's file and with what the backend has. It returns what is wrong, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.simulator import ledger_view
from tests.simulator.backend import Backend
from tests.simulator.books import Books, SeriesKey, key_of
from tests.simulator.machine import Machine
from tests.support.otlp_receiver import PointRow, kept

UNPUBLISHED = ("gen_ai.client.token.usage", "gen_ai.client.operation.duration")
"""The older conventions' metrics, which the machine's settings leave out."""
WINDOWED = "opencode.session."
"""The first part of the metrics of single sessions: they are exported only while they change."""


def after_catching_up(machine: Machine) -> list[str]:
    """Return what is wrong some rounds after the last fault, with nothing done to help."""
    wrong = [*machine.crashes, *machine.backend.wrong]
    pending = ledger_view.waiting_spans(machine.state, quarantined=False)
    if pending:
        wrong.append(f"{len(pending)} messages still have pending spans")
    totals = ledger_view.totals(machine.state)
    totals = {key: total for key, total in totals.items() if key[0] not in UNPUBLISHED}
    return wrong + list(_delta(machine, totals) if machine.delta else _cumulative(machine, totals))


def after_settling(machine: Machine) -> list[str]:
    """Return what is wrong once every grace period is over, and the agent was started once more."""
    return [
        *after_catching_up(machine),
        *_ledger(machine.books, ledger_view.totals(machine.state)),
        *_kept_sums(machine),
        *_spans(machine.books, machine.backend),
        *(f"{id_} is still in quarantine" for id_ in ledger_view.waiting_spans(machine.state, quarantined=True)),
    ]


def _ledger(books: Books, totals: dict[SeriesKey, int]) -> Iterator[str]:
    """The ledger has every total of the books, and none beside them of the same metrics."""
    truth = books.series()
    metrics = {metric for metric, _ in truth}
    for key in truth.keys() | {key for key in totals if key[0] in metrics}:
        if truth.get(key, 0) != totals.get(key, 0):
            yield f"ledger: {in_words(key)} is {totals.get(key, 0)}, not {truth.get(key, 0)}"


def _kept_sums(machine: Machine) -> Iterator[str]:
    """The sums that a summary reads are those of the books."""
    answers = machine.books.counting()
    columns = zip(*((1, each.tokens.input, each.tokens.output, each.cost_nusd) for each in answers), strict=True)
    truth = tuple(map(sum, columns)) if answers else (0, 0, 0, 0)
    for table, sums in ledger_view.kept_sums(machine.state).items():
        if sums != truth:
            yield f"ledger: the table {table} adds up to {sums}, not {truth}"


def _cumulative(machine: Machine, totals: dict[SeriesKey, int]) -> Iterator[str]:
    """Each series has one start, never falls, rises from zero, and ends with the ledger's total."""
    points = _by_series(machine.backend)
    instances = {point.resource["service.instance.id"] for each in points.values() for point in each}
    if len(instances) > 1:
        yield f"backend: {len(instances)} instance ids"
    incomplete = {_key(point) for point in machine.backend.dropped_points}
    books = machine.books.series().keys()
    for key, total in totals.items():
        of_key = sorted(points.get(key, []), key=lambda point: point.time_ns)
        if key[0].startswith(WINDOWED) and not of_key:
            continue
        yield from (f"backend: {in_words(key)}: {each}" for each in trouble(of_key))
        last = _number(of_key[-1]) if of_key else None
        if last != total and not key[0].startswith(WINDOWED) and key not in incomplete:
            yield f"backend: {in_words(key)} ended with {last}, not {total}"
        if of_key and _number(of_key[0]) and key in books and key not in machine.history | incomplete:
            yield f"backend: {in_words(key)} began with {_number(of_key[0])}, which no increase() sees"
    yield from (f"backend: {in_words(key)} is not in the ledger" for key in points.keys() - totals.keys())


def trouble(points: list[PointRow]) -> Iterator[str]:
    """Say what is wrong with the points of one series, in the order of their times."""
    if len({point.start_ns for point in points}) > 1:
        yield "more than one start time"
    for earlier, later in pairwise(points):
        if _number(later) < _number(earlier):
            yield f"fell from {_number(earlier)} to {_number(later)}"
        elif later.time_ns == earlier.time_ns and _number(later) != _number(earlier):
            yield f"is both {_number(earlier)} and {_number(later)} at one time"
    if any(point.time_ns <= point.start_ns for point in points):
        yield "has a point that is not after its start"


def _delta(machine: Machine, totals: dict[SeriesKey, int]) -> Iterator[str]:
    """The increments of each series add up to its total, each counted once even if it came twice."""
    points = _by_series(machine.backend)
    refused = {(_key(each), each.start_ns, each.time_ns) for each in machine.backend.dropped_points}
    books = machine.books.series().keys()
    for key, total in totals.items():
        increments: dict[tuple[int, int], int] = {}
        for point in points.get(key, []):
            times = point.start_ns, point.time_ns
            if increments.setdefault(times, _number(point)) != _number(point):
                yield f"backend: {in_words(key)} has two increments for the same time"
        for earlier, later in pairwise(sorted(increments)):
            if later[0] < earlier[1]:
                yield f"backend: {in_words(key)} has increments that overlap"
        of_history = key in machine.history or (machine.history and key not in books)
        if of_history or key[0].startswith(WINDOWED) or any(each[0] == key for each in refused):
            continue
        if sum(increments.values()) != total:
            yield f"backend: the increments of {in_words(key)} are {sum(increments.values())}, not {total}"


def _spans(books: Books, backend: Backend) -> Iterator[str]:
    """Each message, tool call and turn has one span, and each span has its parent."""
    chats: dict[str, set[str]] = defaultdict(set)
    calls: dict[tuple[str, str], set[str]] = defaultdict(set)
    turns: set[str] = set()
    for id_, (span, *_) in backend.spans.items():
        message, call = str(span.attributes.get("opencode.message.id")), span.attributes.get("gen_ai.tool.call.id")
        if span.name.startswith("invoke_agent"):
            turns.add(id_)
        elif call is not None:
            calls[message, str(call)].add(id_)
        else:
            chats[message].add(id_)
    lost = len(backend.dropped)
    for name, found, truth in (("message", chats, books.messages()), ("call", calls, books.calls())):
        yield from (f"spans: {name} {each} has {len(ids)}" for each, ids in found.items() if len(ids) > 1)
        yield from (f"spans: {name} {each} does not count" for each in found.keys() - truth)
        if len(truth - found.keys()) > lost:
            yield f"spans: {len(truth - found.keys())} of {len(truth)} {name}s have none ({lost} were refused)"
    if not len(books.turns()) - lost <= len(turns) <= len(books.turns()):
        yield f"spans: {len(turns)} turns, not {len(books.turns())}"
    parents = {span.parent_span_id for span, *_ in backend.spans.values()} - {""}
    if not parents <= turns | backend.dropped:
        yield "spans: some have a parent that never came"


def _by_series(backend: Backend) -> dict[SeriesKey, list[PointRow]]:
    found: dict[SeriesKey, list[PointRow]] = defaultdict(list)
    for point in kept(backend.points):
        found[_key(point)].append(point)
    return found


def _key(point: PointRow) -> SeriesKey:
    return key_of(point.metric, point.attributes)


def _number(point: PointRow) -> int:
    """Return the value in the smallest unit of the metric, or the number of observations of a histogram."""
    if point.count is not None:
        return point.count
    return round((point.value or 0) * (1_000_000_000 if "cost" in point.metric else 1))


def in_words(key: SeriesKey) -> str:
    """Return the series as a person reads it."""
    metric, attributes = key
    return f"{metric}{{{', '.join(f'{name}={value}' for name, value in sorted(attributes, key=str))}}}"

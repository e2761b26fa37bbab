"""The other side of the ledger: its published totals, what the backend accepted of them, and what PromQL answers."""

import time
from collections.abc import Mapping
from threading import Event
from typing import Final
from urllib.parse import unquote

from msgspec import Struct, structs

from otel_agent.delivery.prometheus import ask
from otel_agent.errors import NothingToVerify
from otel_agent.ledger.evidence import Published
from otel_agent.settings import Settings
from otel_agent.settings.temporality import sends_increments
from otel_agent.verify import published
from otel_agent.verify.amounts import Amount, Cause
from otel_agent.verify.look import LedgerSeen
from otel_agent.verify.published import ByModel, Difference, Totals
from otel_agent.verify.scratch import Scratch

_ON_ITS_WAY_SECONDS: Final = 120.0
"""Collectors batch and queue: a point that was accepted within this time may reach Prometheus a moment later."""
_PATIENCE_SECONDS: Final = 10.0
"""Wait so long for such points."""
_MARGIN_SECONDS: Final = 600
"""A query looks back so much further than the oldest point. Seconds."""


class Backend(Struct, frozen=True):
    """The totals that the backend has, and the differences on the way to it."""

    accepted: Amount
    prometheus: Amount | None
    differences: list[Difference]


def compare_published(scratch: Scratch, seen: LedgerSeen, *, disjoint: bool) -> Backend:
    """Compare the published totals with the ledger's messages, and with what was accepted.

    ``disjoint`` is the accounting of the settings. It may have been another one when some messages were counted.
    """
    totals = published.totals_of(seen.series)
    recorded = published.messages_of(scratch, after=seen.facts.epoch_message)
    expected = published.added(recorded, published.totals_of(seen.kept).current)
    least = published.messages_of(scratch, after=seen.facts.epoch_message, disjoint=True)
    found = [
        structs.replace(each, cause=Cause.ACCOUNTING) if disjoint and _is_accounting(each, recorded, least) else each
        for each in published.compare(expected, totals.current, Cause.PUBLISHED, folded=totals.folded)
    ]
    found += published.compare(recorded, expected, Cause.KEPT, folded=totals.folded)
    found += published.compare(totals.current, totals.at_most, Cause.PENDING, folded=totals.folded)
    found += published.compare(totals.at_most, totals.accepted, Cause.UNANSWERED, folded=totals.folded)
    before = published.messages_of(scratch, upto=seen.facts.epoch_message)
    found += published.compare(before, {}, Cause.OTHER_IDENTITY, folded=totals.folded)
    return Backend(published.together(totals.accepted), None, found)


def ask_prometheus(
    url: str, seen: LedgerSeen, settings: Settings, environ: Mapping[str, str], *, timeout_seconds: float
) -> Backend:
    """Ask for this agent's totals, and compare them with what was accepted. Raises ``NothingToVerify``."""
    if sends_increments(settings, environ):
        raise NothingToVerify("--prometheus compares totals, and this agent sends increments (delta temporality).")
    totals = published.totals_of(seen.series)
    instance = _resource_attribute(environ, "service.instance.id") or seen.facts.instance_id
    since_ns = min((each.accepted_ns for each in seen.series if each.accepted), default=time.time_ns())
    seconds = max(time.time_ns() - since_ns, 0) // 1_000_000_000 + _MARGIN_SECONDS
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        answer = _answer(url, instance, seconds, timeout_seconds)
        differences = _beyond(totals, answer)
        if not differences or not _is_on_its_way(seen.series) or time.monotonic() > until:
            return Backend(Amount(), published.together(answer), differences)
        Event().wait(1.0)


def _answer(url: str, instance: str, seconds: int, timeout_seconds: float) -> ByModel:
    def asked(*, with_dots: bool) -> ByModel:
        queries = {
            metric: published.question(metric, instance, seconds, with_dots=with_dots) for metric in published.METRICS
        }
        return published.answered(
            {metric: ask(url, query, timeout_seconds=timeout_seconds) for metric, query in queries.items()}
        )

    found = asked(with_dots=False)
    if any(model for _, model in found):
        return found
    try:
        return asked(with_dots=True)
    except NothingToVerify:
        return found  # a backend that does not know labels with dots has none


def _beyond(totals: Totals, answer: ByModel) -> list[Difference]:
    """Return the answers that are neither what was accepted nor what may have arrived without an answer."""
    less = published.compare(totals.accepted, answer, Cause.PROMETHEUS, folded=totals.folded)
    unanswered = published.compare(totals.accepted, totals.at_most, Cause.UNANSWERED, folded=totals.folded)
    most = {(each.provider, each.model): each.amount for each in unanswered}
    return [
        each for each in less if not _between(Amount(), each.amount, most.get((each.provider, each.model), Amount()))
    ]


def _between(least: Amount, amount: Amount, most: Amount) -> bool:
    """True if no field is outside the two."""
    return all(
        low <= number <= high for low, number, high in zip(least.numbers, amount.numbers, most.numbers, strict=True)
    )


def _is_accounting(difference: Difference, recorded: ByModel, least: ByModel) -> bool:
    """True if a difference of the published totals is what counting each token once leaves out, or a part of that."""
    key = difference.provider, difference.model
    floor = least.get(key, Amount()).minus(recorded.get(key, Amount()))
    return _between(floor, difference.amount, Amount())


def _is_on_its_way(series: list[Published]) -> bool:
    newest_ns = max((each.accepted_ns for each in series), default=0)
    return time.time_ns() - newest_ns < _ON_ITS_WAY_SECONDS * 1e9


def _resource_attribute(environ: Mapping[str, str], name: str) -> str:
    """Return an attribute of ``OTEL_RESOURCE_ATTRIBUTES``, which wins over ours; empty if it is not there."""
    pairs = (pair.partition("=") for pair in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","))
    return next((unquote(value.strip()) for key, _, value in pairs if key.strip() == name), "")

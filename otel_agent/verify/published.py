"""Compares the published totals: with the ledger's messages, with what the backend accepted, and with PromQL's answer."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from otel_agent import semconv
from otel_agent.ledger.evidence import Published
from otel_agent.model import State, UsageSource
from otel_agent.semconv.attributes import TOKEN_TYPES, Attr, provider_name
from otel_agent.verify.amounts import Amount, Cause
from otel_agent.verify.scratch import CATEGORIES, Scratch

METRICS: Final = (semconv.TOKEN_USAGE.name, semconv.COST_USAGE.name, semconv.MESSAGE_COUNT.name)
"""The metrics that are compared."""
_FIELDS: Final = dict(zip(TOKEN_TYPES, CATEGORIES, strict=True))

_LAST: Final = 2**63 - 1
"""The largest number that a row can have."""

ByModel = dict[tuple[str, str], Amount]
"""Amounts by provider, as OpenTelemetry names it, and model."""


class Totals(Struct, frozen=True):
    """The published totals by model: the current ones, what the backend accepted, and at most has."""

    current: ByModel
    accepted: ByModel
    at_most: ByModel
    """With the points that were sent without an answer."""
    folded: bool
    """True if an overflow series holds what found no room: then only sums over all models can be compared."""


def totals_of(series: Iterable[Published]) -> Totals:
    """Return the totals of the series of ``METRICS``."""
    current: ByModel = {}
    accepted: ByModel = {}
    at_most: ByModel = {}
    folded = False
    for each in series:
        key = _provider(each.attributes.get(Attr.PROVIDER, "")), str(each.attributes.get(Attr.MODEL, ""))
        folded |= bool(each.attributes.get(Attr.OVERFLOW))
        kind = str(each.attributes.get(Attr.TOKEN_TYPE, ""))
        _add(current, key, _amount(each.metric, kind, each.value))
        _add(accepted, key, _amount(each.metric, kind, each.accepted))
        _add(at_most, key, _amount(each.metric, kind, max(each.accepted, each.unanswered or 0)))
    return Totals(current, accepted, at_most, folded)


def messages_of(scratch: Scratch, *, after: int = 0, upto: int = _LAST, disjoint: bool = False) -> ByModel:
    """Return what the ledger's messages add to the published totals, those numbered above ``after`` and up to ``upto``.

    ``disjoint`` counts a token once that OpenCode recorded in two categories.
    """
    less = ("cached_in_input", "reasoning_in_output") if disjoint else ("0", "0")
    query = (
        f"SELECT provider, model, sum(source <> {UsageSource.UNATTRIBUTED:d}), sum(input - {less[0]}), "
        f"sum(output - {less[1]}), sum(reasoning), sum(cache_read), sum(cache_write), sum(cost_nusd) "
        f"FROM entry WHERE state = {State.COUNTED:d} AND number > ? AND number <= ? GROUP BY 1, 2"
    )
    found: ByModel = {}
    for provider, model, *numbers in scratch.database.execute(query, (after, upto)):
        _add(found, (provider_name(provider), model), Amount(*numbers))
    return found


def question(metric: str, instance: str, seconds: int, *, with_dots: bool = False) -> str:
    """Return the PromQL query for a metric's totals by token type and model, over the last ``seconds``.

    A series that rests is not sent again for ever, so its last point may be old. Backends write names with underscores,
    add unit and ``_total``, and call ``service.instance.id`` ``instance``, unless they are set otherwise. ``with_dots`` asks
    for labels with the dots that they have in OpenTelemetry; Prometheus has such queries since 3.0.
    """
    labels: list[str] = [Attr.TOKEN_TYPE, Attr.PROVIDER, Attr.MODEL]
    forms = ["instance", "service_instance_id", "exported_instance"]
    if with_dots:
        labels, forms = [f'"{label}"' for label in labels], ['"service.instance.id"', *forms]
    else:
        labels = [label.replace(".", "_") for label in labels]
    name = f"({metric.replace('.', '_')}|{metric.replace('.', '[.]')})(_USD)?(_total)?"
    series = (f'last_over_time({{__name__=~"{name}", {form}={json.dumps(instance)}}}[{seconds}s])' for form in forms)
    return f"sum by ({', '.join(labels)}) ({' or '.join(series)})"


def answered(answers: Mapping[str, Sequence[tuple[Mapping[str, str], float]]]) -> ByModel:
    """Return the totals in PromQL's answers, by metric."""
    found: ByModel = {}
    for name, samples in answers.items():
        for labels, value in samples:
            provider, model, kind = (
                labels.get(label.replace(".", "_")) or labels.get(label, "")
                for label in (Attr.PROVIDER, Attr.MODEL, Attr.TOKEN_TYPE)
            )
            _add(found, (_provider(provider), model), _amount(name, kind, round(value * semconv.METRICS[name].scale)))
    return found


class Difference(Struct, frozen=True):
    """A difference of published totals; the amount is what the later one has more."""

    cause: Cause
    provider: str
    model: str
    amount: Amount


def compare(before: ByModel, after: ByModel, cause: Cause, *, folded: bool) -> list[Difference]:
    """Return the differences by model; by all models together if some found no series of their own."""
    if folded:
        before, after = {("", ""): _flat(together(before))}, {("", ""): _flat(together(after))}
    found = []
    for key in sorted(before.keys() | after.keys()):
        first, second = before.get(key, Amount()), after.get(key, Amount())
        if not first.is_close_to(second):
            found.append(Difference(cause, *key, second.minus(first)))
    return found


def added(amounts: ByModel, more: ByModel) -> ByModel:
    """Return the sum of both for each model."""
    return {key: amounts.get(key, Amount()).plus(more.get(key, Amount())) for key in amounts.keys() | more.keys()}


def together(amounts: ByModel) -> Amount:
    """Return the sum over all models."""
    whole = Amount()
    for amount in amounts.values():
        whole = whole.plus(amount)
    return whole


def _provider(published: object) -> str:
    """Return today's name of a provider: a series keeps the one under which an older release began it."""
    return provider_name(str(published))


def _flat(amount: Amount) -> Amount:
    """Return the amount with all tokens in one category: an overflow series does not say which they are."""
    return Amount(amount.messages, amount.total, cost_nusd=amount.cost_nusd)


def _add(amounts: ByModel, key: tuple[str, str], amount: Amount) -> None:
    amounts[key] = amounts.get(key, Amount()).plus(amount)


def _amount(metric: str, kind: str, value: int) -> Amount:
    if metric == semconv.TOKEN_USAGE.name:
        # An overflow series has no type: its tokens are only compared in the sum of all.
        return Amount(**{_FIELDS.get(kind, "input"): value})
    return Amount(messages=value) if metric == semconv.MESSAGE_COUNT.name else Amount(cost_nusd=value)

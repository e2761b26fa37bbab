"""What a message raises, as plain numbers by metric and attributes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from otel_agent.model import Change, Message
from otel_agent.series.attributes import from_json
from otel_agent.series.tally import Increases, Tally
from tests.otlp.made import change


def totals(increases: Increases) -> Counter[str]:
    """Each metric's sum over its series; token usage by type as well."""
    found: Counter[str] = Counter()
    for (metric, labels), increase in increases.items():
        found[metric] += increase.value
        found[f"{metric}#{from_json(labels).get('gen_ai.token.type')}"] += increase.value
    return found


def tallied(changes: Iterable[Change], *, disjoint: bool = False) -> Counter[str]:
    return totals(Tally(disjoint=disjoint).add(changes).increases)


def metrics_of(message: Message) -> set[str]:
    return {metric for metric, _ in Tally(disjoint=False).add([change(message)]).increases}

"""Joins the batches of a first look, so that a series which many of them raise is written once for all."""

from collections.abc import Iterable, Iterator
from typing import Final

from otel_agent.model import Batch

_MOST: Final = 20_000
"""Messages in a joined batch, about 20 MB. Half of the time for series is saved, and what comes later saves little more."""


def joined(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield the same in fewer batches. What was read beside totals of sessions stays as it is: it is compared with them."""
    gathered = Batch()
    for batch in batches:
        alone = batch.totals is not None or batch.beside is not None
        if gathered != Batch() and (alone or len(gathered.messages) + len(batch.messages) > _MOST):
            yield gathered
            gathered = Batch()
        if alone:
            yield batch
        else:
            gathered.add(batch)
    if gathered != Batch():
        yield gathered

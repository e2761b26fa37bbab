"""Joins the batches of a first look, so that a series which many of them raise is written once for all."""

import gc
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from otel_agent.collecting import collect_seldom
from otel_agent.model import Batch

_MOST: Final = 20_000
"""Messages in a joined batch, about 20 MB. A series is written once for each batch that raises it."""


def joined(batches: Iterable[Batch]) -> Generator[Batch]:
    """Yield the same in fewer batches. What was read beside totals of sessions stays as it is: it is compared with them."""
    with _few_collections():
        yield from _joined(batches)


def _joined(batches: Iterable[Batch]) -> Iterator[Batch]:
    gathered = Batch()
    try:
        for batch in batches:
            alone = batch.totals is not None or batch.beside is not None
            full = len(gathered.messages) + len(batch.messages) > _MOST
            if gathered != Batch() and (alone or full or _differ(gathered, batch)):
                yield gathered
                gathered = Batch()
            if alone:
                yield batch
            else:
                gathered.add(batch)
    except Exception:
        # The reader fails, perhaps at each look. What it found before counts all the same.
        if gathered != Batch():
            yield gathered
        raise
    if gathered != Batch():
        yield gathered


@contextmanager
def _few_collections() -> Iterator[None]:
    """Let Python look less often for objects that refer to each other, which a history makes none of.

    To look as often as by default took 7 % of the counting of a first look.
    """
    usual = collect_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _differ(one: Batch, other: Batch) -> bool:
    """Return True for batches of two tables. 2.x can hold a call of 1.x once more, and a batch has no twins in itself."""
    both = one.messages[-1:] + other.messages[:1]
    return len({message.generation for message in both}) > 1

"""Answers to the tabs that take longest, asked before anybody opens them and good as long as nothing is written."""

import time
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from otel_agent.errors import OtelAgentError
from otel_agent.summary.live.crumbs import Trail, Wish
from otel_agent.summary.live.listing import Listing, list_rows
from otel_agent.summary.live.source import Ask, Source
from otel_agent.summary.view import ViewName

_SLOW: Final[tuple[ViewName, ...]] = ("sessions", "tools")
"""The views whose answers take longest, the slowest last."""
_MOST_SECONDS: Final = 0.5
"""If a view took longer, the ledger is so large that nobody pays for the next one before it is wanted."""


class Ahead(Struct, frozen=True):
    """An answer to a question that nobody put yet."""

    wish: Wish
    listing: Listing
    mark: object
    """The state of the ledger (``Source.mark``) that it is about."""


class Written(Exception):
    """The ledger was written meanwhile, so that what is on the screen is to be asked again."""


def answers_ahead(source: Source, ask: Ask, trail: Trail, width: int) -> Iterator[Ahead]:
    """Yield the answers to the slow tabs, as long as nothing is written. Raises ``Written``."""
    for view in _SLOW:
        # A view that is asked makes older news unknown to ``changed``, so each step asks whether there were any.
        mark, begun = source.mark(), time.monotonic()
        if source.changed():
            raise Written
        wish, question = trail.at_tab(view, ask)
        try:
            listing = list_rows(source.view(view, question), width)
        except OtelAgentError:
            if source.mark() != mark:
                raise Written from None
            return
        if source.mark() != mark:
            raise Written
        yield Ahead(wish, listing, mark)
        if time.monotonic() - begun > _MOST_SECONDS:
            return

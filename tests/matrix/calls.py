"""A model call as OpenCode records it, and sums of calls.

The scenario gives each call another usage. So two records of the same numbers are records of the same call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from tests.support.made_stores import Tokens
from tests.support.real_opencode.billing import recorded
from tests.support.real_opencode.provider import Bill


class Call(NamedTuple):
    """The model and the tokens of one call. If these are equal, it is the same call."""

    model: str
    tokens: Tokens

    def __str__(self) -> str:
        return f"{self.model} {' + '.join(str(number) for number in self.tokens)}"


Calls = Counter[Call]
"""Calls, with how often each is there."""


def call_of(version: str, bill: Bill) -> Call:
    """Return the call in the categories in which this release records it."""
    return Call(bill.model, Tokens(**recorded(version, [bill])))


def tokens_of(calls: Collection[Call]) -> Tokens:
    """Return the sum of the calls by category."""
    return Tokens().plus(*(call.tokens for call in calls))


def tokens_by_model(calls: Calls) -> dict[str, Tokens]:
    """Return the sums of the calls for each model."""
    models = {call.model for call in calls}
    return {model: tokens_of([call for call in calls.elements() if call.model == model]) for model in models}

"""A person's own prices, and what usage would cost by them. All arithmetic is by integers, so no cent is invented."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from msgspec import Struct

from otel_agent.model import Tokens
from otel_agent.model.globs import matches


class Equivalent(Struct, frozen=True):
    """What some usage would have cost by a person's prices."""

    amount: int
    """In parts of a dollar, ``PARTS_OF_A_DOLLAR``."""
    tokens: int
    """Tokens of models without a price, each counted once: their amount is missing."""
    is_any: bool
    """True if anything has a price."""

    def plus(self, other: "Equivalent") -> "Equivalent":
        """Return the sum."""
        return Equivalent(self.amount + other.amount, self.tokens + other.tokens, self.is_any or other.is_any)


PARTS_OF_A_DOLLAR: Final = 10**15
"""Fine enough for a price of nine decimals for a million tokens, so that sums are exact."""
NO_EQUIVALENT: Final = Equivalent(0, 0, False)


def nanodollars(of: Equivalent) -> int:
    """Return an amount in billionths of a dollar, rounded to the nearest."""
    part = PARTS_OF_A_DOLLAR // 10**9
    return (of.amount + part // 2) // part


class Equivalents(Struct, frozen=True):
    """What the usage of a view would have cost by the prices in a file."""

    file: str
    rows: Mapping[str, Equivalent]
    """By the keys of the rows. What had no usage is not in it."""
    active: Mapping[str, Equivalent]
    """The same of the active sessions of an overview."""
    total: Equivalent
    without_price: Mapping[str, int]
    """Tokens of each model without a price, the most first."""


class Price(Struct, frozen=True):
    """The price of the models that match two globs, in billionths of a dollar for a million tokens of each category."""

    provider: str
    model: str
    numbers: tuple[int, ...]
    """In the order of ``Tokens.each``."""


class Prices(Struct, frozen=True, eq=False):
    """The prices of a file. The first that matches a model is its price."""

    file: Path
    each: tuple[Price, ...]

    def amount(self, provider: str, model: str, tokens: Tokens) -> int | None:
        """Return what the tokens cost, in parts of a dollar (``PARTS_OF_A_DOLLAR``); ``None`` if the model has no price.

        Each token must be in one category only, or it is paid twice.
        """
        price = self._price_of(provider.lower(), model.lower())
        if price is None:
            return None
        return sum(number * each for number, each in zip(tokens.by_category(), price.numbers, strict=True))

    @lru_cache(maxsize=4096)  # noqa: B019 - there is one for each process
    def _price_of(self, provider: str, model: str) -> Price | None:
        found = (one for one in self.each if matches(provider, one.provider) and matches(model, one.model))
        return next(found, None)

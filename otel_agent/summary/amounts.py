"""An amount that a person writes: tokens or dollars."""

import re
from typing import Final

from msgspec import Struct

from otel_agent.errors import UsageError

_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}
_TOKENS: Final = re.compile(r"([0-9][0-9_,]*(?:\.[0-9]+)?)\s*([kmb]?)", re.IGNORECASE)
_COST: Final = re.compile(r"\$\s*([0-9]+(?:\.[0-9]+)?)|([0-9]+(?:\.[0-9]+)?)\s*usd", re.IGNORECASE)


class TokensOrCost(Struct, frozen=True):
    """An amount of tokens, or of billionths of a US dollar if ``of_cost``."""

    number: int
    of_cost: bool


def amount(option: str, text: str) -> TokensOrCost:
    """Return what was written: ``5M``, ``250000``, ``$20`` or ``20USD``. Raises ``UsageError`` for anything else."""
    if found := _COST.fullmatch(text.strip()):
        return TokensOrCost(round(float(found[1] or found[2]) * 10**9), of_cost=True)
    if found := _TOKENS.fullmatch(text.strip()):
        return TokensOrCost(round(float(re.sub("[_,]", "", found[1])) * _UNITS[found[2].lower()]), of_cost=False)
    raise UsageError(f"{option} {text}: not an amount. Write tokens (5M, 250000) or dollars (20USD).")

"""An amount that a person writes: tokens or dollars."""

import re
from decimal import Decimal
from typing import Final

from msgspec import Struct

from otel_agent.errors import UsageError

_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}
# In many languages a comma begins the decimals. So it separates thousands only if it can be nothing else.
_NUMBER: Final = r"(?:[0-9]+|[1-9][0-9]{{0,2}}(?P<{0}>[,_])[0-9]{{3}}(?:(?P={0})[0-9]{{3}})*)(?:\.[0-9]+)?"
_TOKENS: Final = re.compile(rf"(?P<tokens>{_NUMBER.format('of_tokens')})\s*(?P<unit>[kmb]?)", re.IGNORECASE)
_COST: Final = re.compile(
    rf"\$\s*(?P<before>{_NUMBER.format('after_sign')})|(?P<after>{_NUMBER.format('before_usd')})\s*usd", re.IGNORECASE
)
_FORMS: Final = "Write tokens (5M, 250000 or 250,000) or dollars (20USD)."


class TokensOrCost(Struct, frozen=True):
    """An amount of tokens, or of billionths of a US dollar if ``of_cost``."""

    number: int
    of_cost: bool


def amount(option: str, text: str) -> TokensOrCost:
    """Return what was written: ``5M``, ``250,000``, ``$20`` or ``20USD``. Raises ``UsageError`` for anything else."""
    found = _amount(text.strip())
    if found is None:
        meant = text.strip().replace(",", ".")
        better = f" For decimals write {meant}." if text.count(",") == 1 and _amount(meant) else ""
        raise UsageError(f"{option} {text}: not an amount.{better} {_FORMS}")
    return found


def _amount(text: str) -> TokensOrCost | None:
    """Return the amount; ``None`` if it is none, or if a part of a token would be left."""
    if found := _COST.fullmatch(text):
        return TokensOrCost(round(_decimal(found["before"] or found["after"]) * 10**9), of_cost=True)
    if found := _TOKENS.fullmatch(text):
        number = _decimal(found["tokens"]) * _UNITS[found["unit"].lower()]
        return TokensOrCost(int(number), of_cost=False) if number == int(number) else None
    return None


def _decimal(written: str) -> Decimal:
    return Decimal(re.sub("[_,]", "", written))

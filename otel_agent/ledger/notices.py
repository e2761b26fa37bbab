"""The notices of budgets that were given, so that restarts and kills repeat none: one fact of the ledger."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, ValidationError
from msgspec.json import Decoder, encode

from otel_agent.errors import LedgerDamaged
from otel_agent.ledger.facts import Facts

_KEY: Final = "budget_notices"


class Given(Struct, frozen=True, array_like=True):
    """The last notice of one budget."""

    period: str
    """The first day of the day, week or month that it was about, ``2026-11-25``."""
    threshold: float
    """The highest threshold that a notice named, in per cent: lower ones are past, too."""


_DECODER: Final = Decoder(dict[str, Given])


class Notices:
    """The last notice of each budget, by the budget's key."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def given(self) -> dict[str, Given]:
        """Return the notices. Raises ``LedgerDamaged`` if they cannot be read."""
        try:
            return _DECODER.decode(self._facts.find(_KEY) or "{}")
        except ValidationError:
            raise LedgerDamaged(f"the ledger's {_KEY} cannot be read") from None

    def note(self, given: Mapping[str, Given]) -> None:
        """Replace all notices. Runs inside the writer's transaction."""
        self._facts.note(_KEY, encode(dict(given)).decode())

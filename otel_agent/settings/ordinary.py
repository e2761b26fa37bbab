"""Reads settings as people nearly always write them, without pydantic, whose import takes longer than a summary.

What it accepts has the value that ``validation`` gives it; a test compares the two. What it refuses goes there, because
only ``validation`` says what is wrong, and knows the rarer ways to write a value.
"""

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import convert

from otel_agent.settings.rules import expanded, known_backfill, names_a_program, one_amount
from otel_agent.settings.values import TRUTH, Settings

_WHOLE: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_DECIMAL: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)
_DEFAULTS: Final = dict(zip(Settings.__struct_fields__, Settings.__struct_defaults__, strict=True))


def ordinary_settings(values: Mapping[str, Any]) -> Settings | None:
    """Return the settings with these values over the defaults; ``None`` if only ``validation`` can say what they are."""
    try:
        found = convert({name: meant(name, value) for name, value in values.items()}, Settings, dec_hook=_path)
        known_backfill(found.backfill)
        names_a_program(found.budget_notice.command)
        for budget in found.budget:
            one_amount(budget.tokens, budget.cost_usd)
            if not math.isfinite(budget.cost_usd or 0):  # any other number has an upper bound
                return None
    except ValueError:
        return None
    return found


def meant(name: str, value: object) -> object:
    """Return what a text means for a setting of the kind of its default: a variable has nothing but text."""
    if not isinstance(value, str):
        return value
    value.encode()  # fails at bytes that are no UTF-8: some texts may have them, others not
    if name == "data_dirs":
        return [part for part in value.split(os.pathsep) if part]
    match _DEFAULTS.get(name):
        case bool():
            return TRUTH.get(value.lower(), value)
        case int():
            return int(value) if _WHOLE.fullmatch(value) else value
        case float():
            return float(value) if _DECIMAL.fullmatch(value) else value
        case _:
            return value


def _path(of: type, value: object) -> Path:
    """Return a path; msgspec asks for each type that it does not know."""
    if of is Path and isinstance(value, str):
        return expanded(Path(value))
    raise ValueError(of)

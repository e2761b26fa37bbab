"""Reads a person's file of prices, and says where it is wrong."""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from otel_agent.errors import SettingsError
from otel_agent.obstacles import obstacle
from otel_agent.settings.file_content import file_text
from otel_agent.summary.prices import Price, Prices

_DECIMALS: Final = 9
_DEAREST: Final = 10**6
"""USD for a million tokens; more is a mistake."""
_NUMBERS: Final = ("input", "output", "reasoning", "cache_read", "cache_write")
_REQUIRED: Final = ("model", "input", "output")
_KEYS: Final = ("provider", "model", *_NUMBERS)
_TOO_LARGE: Final = (ValueError, ArithmeticError)
"""How Python refuses a number of thousands of digits, or with an exponent of such a size."""
_TABLE: Final = re.compile(r"\s*\[\[\s*price\s*\]\]")


class _Wrong(Exception):
    """A price cannot be used; the texts name its key, if it is one, and the reason."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(key, why)
        self.key, self.why = key, why


def load_prices(file: Path) -> Prices:
    """Read a file of prices, TOML or (by its ending) JSON. Raises ``SettingsError``, which names the line at fault."""
    try:
        text = file_text(file, "file of prices", "Set prices_file to another one.")
    except SettingsError as error:
        raise SettingsError(f"prices_file: {error}") from None
    except OSError as error:
        what, todo = obstacle(file) or (error.strerror, "Let this user read it")
        raise SettingsError(
            f"prices_file: cannot read {file}: {what}. {todo}, or set prices_file to another one."
        ) from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"prices_file: {file} is not UTF-8: {error}.") from None
    table = _parsed(file, text)
    if table.keys() - {"price"} or not isinstance(table.get("price", []), list):
        raise SettingsError(f"prices_file: {file}: there may be only tables [[price]] in it.")
    prices = []
    for number, entry in enumerate(table.get("price", []), 1):
        try:
            prices.append(_price(entry))
        except _Wrong as wrong:
            key = f"{wrong.key}: " if wrong.key else ""
            place = _line_of(text, number, wrong.key) if file.suffix != ".json" else 0
            where = f"{file}, line {place}" if place else f"{file}, price {number}"
            raise SettingsError(f"prices_file: {where}: {key}{wrong.why}.") from None
    return Prices(file, tuple(prices))


def _parsed(file: Path, text: str) -> Mapping[str, Any]:
    if file.suffix == ".json":
        import json  # noqa: PLC0415

        try:
            found = json.loads(text, parse_float=Decimal, parse_constant=Decimal)
        except (json.JSONDecodeError, RecursionError) as error:
            raise SettingsError(f"prices_file: {file} is not JSON: {error}.") from None
        except _TOO_LARGE:
            raise SettingsError(f"prices_file: {file}: one of its numbers is too large.") from None
        if not isinstance(found, dict):
            raise SettingsError(f"prices_file: {file} is not an object with a list `price`.")
        return found
    import tomllib  # noqa: PLC0415

    try:
        return tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"prices_file: {file} is not TOML: {error}.") from None
    except _TOO_LARGE:
        raise SettingsError(f"prices_file: {file}: one of its numbers is too large.") from None


def _price(entry: object) -> Price:
    """Return a price. A category without one is billed as most providers do it: reasoning as output, cache as input."""
    if not isinstance(entry, dict):
        raise _Wrong("", "a price is a table with a model, input and output")
    for key in entry:
        if key not in _KEYS:
            raise _Wrong(key, f"is no part of a price; there are {', '.join(_KEYS)}")
    for key in _REQUIRED:
        if key not in entry:
            raise _Wrong("", f"a price needs {key}")
    names = [entry.get("provider", "*"), entry["model"]]
    for key, name in zip(_KEYS, names, strict=False):
        if not isinstance(name, str) or not name.strip():
            raise _Wrong(key, "must be a text, such as 'claude-*'")
    numbers = {key: _number(key, entry[key]) for key in _NUMBERS if key in entry}
    input_, output = numbers["input"], numbers["output"]
    defaults = (input_, output, output, input_, input_)
    return Price(
        names[0].lower(),
        names[1].lower(),
        tuple(numbers.get(key, default) for key, default in zip(_NUMBERS, defaults, strict=True)),
    )


def _number(key: str, value: object) -> int:
    """Return billionths of a dollar."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _Wrong(key, "must be a number: USD for a million tokens")
    exact = Decimal(value)
    if not exact.is_finite() or not 0 <= exact <= _DEAREST:
        raise _Wrong(key, f"must be from 0 to {_DEAREST:,} USD for a million tokens")
    scaled = exact.scaleb(_DECIMALS)
    # A number that is far too small becomes zero when it is scaled.
    if scaled != scaled.to_integral_value() or (exact and not scaled):
        raise _Wrong(key, f"has more than {_DECIMALS} decimals")
    return int(scaled)


def _line_of(text: str, number: int, key: str) -> int:
    """Return the line of a key in a table ``[[price]]``, or of the table itself; 0 if it is written in another form."""
    begin = 0
    for line, written in enumerate(text.splitlines(), 1):
        if _TABLE.match(written):
            number -= 1
            begin = line if number == 0 else begin
            if number < 0:
                break
        elif number == 0 and key and re.match(rf"""\s*["']?{re.escape(key)}["']?\s*=""", written):
            return line
    return begin

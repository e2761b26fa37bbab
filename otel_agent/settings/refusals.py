"""Says in a sentence for each setting what is wrong with it. It is imported only if something is, or to be sure."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from otel_agent.errors import SettingsError
from otel_agent.settings import administrator
from otel_agent.settings.sources import Source, origin
from otel_agent.settings.validation import settings_from
from otel_agent.settings.values import Settings
from otel_agent.settings.variables import ALL, TABLES, hint


def validated(values: Mapping[str, Any], sources: Sequence[Source]) -> Settings:
    """Return the settings. Raises ``SettingsError`` with a line for each value that cannot be used, and its origin."""
    try:
        return settings_from(values)
    except ValidationError as error:
        raise SettingsError(_explain(error, values, sources)) from None


def _explain(error: ValidationError, values: Mapping[str, Any], sources: Sequence[Source]) -> str:
    lines = []
    # Without the input: a value in the wrong place may be a key.
    for problem in error.errors(include_url=False, include_input=False):
        parts = [str(part) for part in problem["loc"]] or [""]
        key, place = _named(problem["loc"], values), origin(".".join(parts[:2]), sources)
        if problem["type"] == "extra_forbidden":
            lines.append(f"{place}: {key} is not a setting.{_locks(key) or _meant(parts)}")
        else:
            lines.append(f"{place}: {key}: {problem['msg'].removeprefix('Value error, ')}.")
    return "\n".join(lines)


def _named(place: Sequence[int | str], values: Mapping[str, Any]) -> str:
    """Return the name of a setting as a person would say it, who does not count from zero."""
    match place:
        case ["budget", int(number), *rest]:
            name = _name_of(values["budget"], number)
            which = f"the [[budget]] {name!r}" if name else f"the {_ordinal(number + 1)} [[budget]]"
            return f"{_named(rest, values)} in {which}" if rest else which
        case [*before, int(number)] if before:
            return f"the {_ordinal(number + 1)} of {_named(before, values)}"
    return ".".join(map(str, place))


def _name_of(budgets: Any, number: int) -> str:
    found = budgets[number] if isinstance(budgets, Sequence) else None
    name = found.get("name") if isinstance(found, Mapping) else None
    return name if isinstance(name, str) else ""


def _ordinal(number: int) -> str:
    words = ("first", "second", "third", "fourth", "fifth")
    if number <= len(words):
        return words[number - 1]
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _meant(parts: Sequence[str]) -> str:
    """Return a sentence about what can be set there, with a blank before it."""
    table = TABLES.get(parts[0]) if len(parts) > 1 else None
    fields = (table or Settings).__struct_fields__
    if found := hint(parts[-1], set(fields)):
        return found
    return f" There are {', '.join(fields)}." if table else ALL


def _locks(key: str) -> str:
    only = f" Only the administrator's file can lock settings: {administrator.PLACE.path}."
    return only if key == administrator.LOCKED else ""

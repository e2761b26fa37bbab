"""Says in a sentence for each setting what is wrong with it. It is imported only if something is, or to be sure."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from otel_agent.errors import SettingsError
from otel_agent.settings import administrator
from otel_agent.settings.sources import Source, origin
from otel_agent.settings.validation import settings_from
from otel_agent.settings.values import Settings
from otel_agent.settings.variables import TABLES, hint


def validated(values: Mapping[str, Any], sources: Sequence[Source]) -> Settings:
    """Return the settings. Raises ``SettingsError`` with a line for each value that cannot be used, and its origin."""
    try:
        return settings_from(values)
    except ValidationError as error:
        raise SettingsError(_explain(error, sources)) from None


def _explain(error: ValidationError, sources: Sequence[Source]) -> str:
    lines = []
    # Without the input: a value in the wrong place may be a key.
    for problem in error.errors(include_url=False, include_input=False):
        parts = [str(part) for part in problem["loc"]] or [""]
        key, place = ".".join(parts), origin(".".join(parts[:2]), sources)
        if problem["type"] == "extra_forbidden":
            fields = set(TABLES.get(parts[0], Settings).__struct_fields__)
            lines.append(f"{place}: {key} is not a setting.{_locks(key) or hint(parts[-1], fields)}")
        else:
            lines.append(f"{place}: {key}: {problem['msg'].removeprefix('Value error, ')}.")
    return "\n".join(lines)


def _locks(key: str) -> str:
    only = f" Only the administrator's file can lock settings: {administrator.PLACE.path}."
    return only if key == administrator.LOCKED else ""

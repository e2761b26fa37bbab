"""Puts together what several places say: of two that set the same, the later one wins.

The order is: the administrator's defaults, the user's file, OpenTelemetry's variables, our own variables, and what the
administrator locked.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from otel_agent.settings.administrator import Administrator
from otel_agent.settings.same import is_same
from otel_agent.settings.variables import otlp_variables

_TABLES: Final = ("otlp", "budget_notice")
"""The tables that are put together key by key. Every other value replaces the whole of another."""
_OF_SIGNALS: Final = ("traces_exporter", "metrics_exporter")
_OF_A_BACKEND: Final = ("protocol", "headers", "certificate", "client_key", "client_certificate")
"""The keys of ``[otlp]`` that only mean something together with an address: one backend's key is none of another's."""


class Source(Struct, frozen=True):
    """A place that values come from."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]
    """The place of each value, as ``Loaded.origins`` has it."""

    def has(self, key: str) -> bool:
        """Return true if it sets the key, such as ``max_series`` or ``otlp.endpoint``."""
        name, _, inside = key.partition(".")
        table = self.values.get(name)
        return inside in table if inside and isinstance(table, Mapping) else name in self.values

    def value(self, key: str) -> object:
        """Return the value of a key that it has."""
        name, _, inside = key.partition(".")
        table = self.values[name]
        return table[inside] if inside and isinstance(table, Mapping) else table

    def keys_of(self, table: str) -> Iterator[str]:
        """Yield the keys that it sets in a table."""
        found = self.values.get(table)
        yield from found if isinstance(found, Mapping) else ()


def from_file(table: Mapping[str, Any], origin: str) -> Source:
    """Return what a file says."""
    return Source(table, dict.fromkeys(table, origin))


def merged(sources: Sequence[Source]) -> dict[str, Any]:
    """Return what the sources say together."""
    found: dict[str, Any] = {}
    for source in sources:
        for name, value in source.values.items():
            below = found.get(name)
            tables = name in _TABLES and isinstance(below, dict) and isinstance(value, dict)
            found[name] = below | value if tables else value
    return found


def origin(key: str, sources: Sequence[Source]) -> str:
    """Return the place that the value of a key comes from."""
    return next((each.origins[key.partition(".")[0]] for each in reversed(sources) if each.has(key)), "default")


def defaults_of(administrator: Administrator, users: Sequence[Source], *, names_endpoint: bool) -> Source:
    """Return the administrator's defaults, without those that belong to what the user replaced.

    The table ``[otlp]`` describes one backend. If a user names another one, the administrator's key must not be sent there.
    A default exporter for one signal must not send what a user keeps here with ``exporter``.
    """
    found = dict(administrator.defaults)
    # What a user names has no effect if the administrator locked the address.
    replaced = not locked_by(administrator).has("otlp.endpoint")
    if replaced and (names_endpoint or any(source.has("otlp.endpoint") for source in users)):
        found.pop("otlp", None)
    if any(source.has("exporter") for source in users):
        for name in _OF_SIGNALS:
            found.pop(name, None)
    return from_file(found, str(administrator.path))


def locked_by(administrator: Administrator) -> Source:
    """Return what nobody else can change. A locked ``exporter`` is that of both signals, if nothing else is locked."""
    found = dict(administrator.locked)
    if "exporter" in found:
        found = dict.fromkeys(_OF_SIGNALS) | found
    return from_file(found, administrator.locked_origin)


def overruled(locked: Source, users: Sequence[Source], environ: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the places of values that differ from a locked one and so have no effect, by the key.

    What belongs to another address than the locked one is named beside that address.
    """
    found = {}
    for key in _keys(locked):
        value = locked.value(key)
        # A locked exporter stands for both signals, which have no value of their own then.
        wanted = locked.value("exporter") if value is None and key in _OF_SIGNALS else value
        if places := tuple(_places_of_another(key, wanted, users, environ)):
            found[key] = places
    for name in kept_back(locked, found):
        found["otlp.endpoint"] += tuple(_places_of(name, users, environ))
    return found


def kept_back(locked: Source, found: Mapping[str, object]) -> tuple[str, ...]:
    """Return the keys of ``[otlp]`` that count for nobody but the administrator, by what is overruled.

    If a user names another address than the locked one, their headers are for that one, and must not go to this one.
    """
    return tuple(name for name in _OF_A_BACKEND if "otlp.endpoint" in found and not locked.has(f"otlp.{name}"))


def without(names: Sequence[str], source: Source) -> Source:
    """Return what a user's file says without these keys of ``[otlp]``."""
    table = source.values.get("otlp")
    if not isinstance(table, Mapping):  # none, or a mistake that is named later
        return source
    left = {name: value for name, value in table.items() if name not in names}
    return Source({**source.values, "otlp": left}, source.origins)


def _places_of_another(key: str, wanted: object, users: Sequence[Source], environ: Mapping[str, str]) -> Iterator[str]:
    for each in users:
        if each.has(key) and not is_same(key, each.value(key), wanted):
            yield each.origins[key.partition(".")[0]]
    for name in _standard_variables(key):
        if name in environ and not is_same(key, environ[name], wanted):
            yield f"environment {name}"


def _places_of(name: str, users: Sequence[Source], environ: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{each.origins['otlp']} (otlp.{name})" for each in users if each.has(f"otlp.{name}"))
    yield from (f"environment {each}" for each in otlp_variables(name) if each in environ)


def _standard_variables(key: str) -> tuple[str, ...]:
    name = key.removeprefix("otlp.")
    return otlp_variables(name) if name != key else ()


def _keys(source: Source) -> Iterator[str]:
    for name, value in source.values.items():
        inside = name in _TABLES and isinstance(value, Mapping)
        yield from (f"{name}.{each}" for each in source.keys_of(name)) if inside else (name,)

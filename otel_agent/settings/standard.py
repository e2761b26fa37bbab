"""OpenTelemetry's own variables that mean the same as a setting of ours, and whether their values can be used.

Shells have them for other programs, too. So a value that we cannot use is kept aside (``Standard.refused``). A command that
exports names it and ends. Any other goes on without it.
"""

import math
from collections.abc import Mapping
from typing import Final, get_args

from msgspec import Struct

from otel_agent.settings.rules import plain_number
from otel_agent.settings.values import TRUTH, Exporter

_STANDARD: Final = {
    "OTEL_TRACES_EXPORTER": "traces_exporter",
    "OTEL_METRICS_EXPORTER": "metrics_exporter",
    "OTEL_METRIC_EXPORT_INTERVAL": "metric_export_interval_seconds",
    "OTEL_METRICS_INCLUDE_SESSION_ID": "metrics_include_session_id",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "genai_semconv",
}
_LATEST_GENAI: Final = "gen_ai_latest_experimental"
"""The word by which the GenAI conventions let people ask for their latest version alone."""
_EXPORTERS: Final = ("traces_exporter", "metrics_exporter")
_ALIASES: Final = {"logging": "console"}
"""The specification's former name of an exporter."""
SHORTEST_MS: Final = 100.0
"""A shorter time is a mistake: the standard counts milliseconds, and several programs counted seconds."""
_LONGEST_MS: Final = 31_536_000_000.0


class Standard(Struct, frozen=True):
    """What the standard variables set, by the names of our settings."""

    values: dict[str, object]
    variables: dict[str, str]
    """The variable that each value comes from."""
    refused: dict[str, str]
    """A sentence for each variable whose value cannot be used, and what to do about it; by the name of our setting."""


class _Refused(Exception):
    """The value cannot be used; the text says why."""


def standard(environ: Mapping[str, str], *, exporter_is_set: bool) -> Standard:
    """Read the standard variables. ``exporter_is_set`` says that a variable of ours names the exporter: then theirs do not."""
    found = Standard({}, {}, {})
    # "Disabled" means that nothing is exported, whatever the exporters' own variables say.
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    for variable, name in _STANDARD.items():
        value = environ.get(variable, "").strip()
        if name in _EXPORTERS and (disabled or exporter_is_set):
            continue
        if name == "genai_semconv" and _LATEST_GENAI not in map(str.strip, value.split(",")):
            continue  # a list for many kinds of instrumentation: it says nothing of GenAI
        if value:
            try:
                found.values[name] = _usable(name, value)
                found.variables[name] = variable
            except _Refused as why:
                found.refused[name] = f"environment {variable}: {name}: {why}"
    if disabled and not exporter_is_set:
        found.values.update(dict.fromkeys(_EXPORTERS, "none"))
        found.variables.update(dict.fromkeys(_EXPORTERS, "OTEL_SDK_DISABLED"))
    return found


def _usable(name: str, value: str) -> object:
    """Return the value of the setting. Raises ``_Refused``."""
    if name in _EXPORTERS:
        return _exporter(value, name)
    if name == "genai_semconv":
        return "latest"
    return _seconds(value) if name == "metric_export_interval_seconds" else _truth(value)


def _exporter(value: str, name: str) -> str:
    """Return the exporter that is meant. Of a list, OTLP is taken if it is there, because it alone reaches a backend."""
    named = [_ALIASES.get(each.strip().lower(), each.strip().lower()) for each in value.split(",")]
    usable = [each for each in named if each in get_args(Exporter)]
    if not usable:
        raise _Refused(
            f"Input should be {_choice(get_args(Exporter))}. Set OTEL_AGENT_{name.upper()}, which wins over it."
        )
    return "otlp" if "otlp" in usable else usable[0]


def _seconds(value: str) -> float:
    """Convert from the standard's milliseconds."""
    try:
        milliseconds = float(plain_number(value))
    except ValueError:
        milliseconds = math.nan
    if not 0 < milliseconds <= _LONGEST_MS:
        raise _Refused("Input should be a number of milliseconds above zero, up to a year.")
    if milliseconds < SHORTEST_MS:
        raise _Refused(f"{value} milliseconds are too short. Were seconds meant? Then write {milliseconds * 1000:g}.")
    return milliseconds / 1000


def _truth(value: str) -> bool:
    try:
        return TRUTH[value.lower()]
    except KeyError:
        raise _Refused("Input should be true or false.") from None


def _choice(names: tuple[str, ...]) -> str:
    return f"{', '.join(map(repr, names[:-1]))} or {names[-1]!r}"

"""The variables that mean a setting: ours, which a typing mistake must not pass for, and OpenTelemetry's for ``[otlp]``."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, get_args

from msgspec import Struct

from otel_agent.errors import SettingsError
from otel_agent.semconv import Signal
from otel_agent.settings.values import BudgetNoticeSettings, BudgetSettings, OtlpSettings, Settings

PREFIX: Final = "OTEL_AGENT_"
OTLP_PREFIX: Final = "OTEL_EXPORTER_OTLP_"
TABLES: Final[Mapping[str, type[Struct]]] = {
    "otlp": OtlpSettings,
    "budget": BudgetSettings,
    "budget_notice": BudgetNoticeSettings,
}
"""The settings that are tables of a file."""
OWN: Final = tuple(name for name in Settings.__struct_fields__ if name not in TABLES)
"""The settings that have a variable of ours."""
ALL: Final = " `otel-agent config init --print` explains all settings."
"""What to do about a name that is like none."""
_OTHERS: Final = frozenset({"OTEL_AGENT_CONFIG"})


def variable(name: str) -> str:
    """Return our variable for a setting."""
    return PREFIX + name.upper()


def own_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the values of our variables, in any case of letters, by the names of the settings."""
    upper = {name.upper(): value for name, value in environ.items()}
    return {name: upper[variable(name)] for name in OWN if variable(name) in upper}


def refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    """Raise ``SettingsError`` for a variable that begins like ours and is none."""
    known = {variable(name) for name in OWN} | _OTHERS
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise SettingsError(f"{name} is not a setting.{hint(name, known) or ALL}")


def hint(name: str, known: AbstractSet[str]) -> str:
    """Return a sentence about what was probably meant, with a blank before it; empty if nothing is close."""
    if name.upper().startswith(f"{PREFIX}OTLP"):
        return " Use the standard OTEL_EXPORTER_OTLP_* variables, or the table [otlp] in the settings file."
    import difflib  # noqa: PLC0415

    # What all variables begin with makes none of them more likely.
    short = {each.removeprefix(PREFIX): each for each in known}
    wanted = name.upper().removeprefix(PREFIX) if name.upper().startswith(PREFIX) else name
    close = difflib.get_close_matches(wanted, short, n=1) or _parts_of(wanted, short)
    return f" Did you mean {short[close[0]]}?" if close else ""


def _parts_of(name: str, known: Iterable[str]) -> list[str]:
    """Return the settings that have the name as a word of theirs, such as ``cost_usd`` for ``usd``, if it is one alone."""
    found = [each for each in known if name.lower() in each.lower().split("_")]
    return found if len(found) == 1 else []


def otlp_variable(name: str, signal: Signal | None = None) -> str:
    """Return the standard variable for a key of ``[otlp]``, for both signals or for one."""
    own = f"{signal.upper()}_" if signal else ""
    return f"{OTLP_PREFIX}{own}{name.removesuffix('_seconds').upper()}"


def otlp_variables(name: str) -> tuple[str, ...]:
    """Return all standard variables for a key of ``[otlp]``."""
    return (otlp_variable(name), *(otlp_variable(name, signal) for signal in get_args(Signal)))

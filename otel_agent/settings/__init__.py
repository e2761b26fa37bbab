"""Reads the settings, and knows where each value came from.

A variable ``OTEL_AGENT_<NAME>`` wins over the standard variable of OpenTelemetry that means the same. Standard
variables win over the TOML file, and the file wins over the defaults. The address of an OTLP endpoint is set with the
standard ``OTEL_EXPORTER_OTLP_*`` variables, which the exporters read themselves, or in the file's table ``[otlp]``.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from msgspec import Struct

from otel_agent.errors import SettingsError
from otel_agent.semconv import Signal
from otel_agent.settings.file_content import file_text
from otel_agent.settings.standard import standard
from otel_agent.settings.user_folders import user_folder, without_tilde
from otel_agent.settings.values import BudgetNoticeSettings, BudgetSettings, Exporter, OtlpSettings, Settings

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = [
    "OTLP_PREFIX",
    "Exporter",
    "Loaded",
    "OtlpSettings",
    "Settings",
    "default_file",
    "load",
    "load_text",
    "otlp_variable",
    "settings_path",
    "state_dir_unchecked",
]

PREFIX: Final = "OTEL_AGENT_"
OTLP_PREFIX: Final = "OTEL_EXPORTER_OTLP_"


class Loaded(Struct, frozen=True, kw_only=True):
    """The settings, and where the value of each came from."""

    settings: Settings
    origins: dict[str, str]
    """``default``, the path of the file, or ``environment`` and the name of the variable; by setting."""
    file: Path | None
    """The settings file that was read; ``None`` if there is none."""
    refused: tuple[str, ...] = ()
    """A sentence for each standard variable with a value that cannot be used. It may be meant for other programs, so it
    only matters to what exports."""

    def for_export(self) -> Settings:
        """Return the settings for a command that exports. Raises ``SettingsError`` if a variable was refused."""
        if self.refused:
            raise SettingsError("\n".join(self.refused))
        return self.settings


def load(file: Path | None = None, *, fully: bool = False) -> Loaded:
    """Read the settings. If no ``file`` is given, the user's own is read, if there is one.

    ``fully`` has pydantic check each value. It comes to the same, and takes longer.
    A variable with an empty value counts as not set. Raises ``SettingsError``, which names each key that is unknown or
    has a wrong value, and the file or variable it comes from.
    """
    path = settings_path(file)
    return _loaded(path, _read_file(path, required=file is not None), fully=fully)


def load_text(text: str, path: Path) -> Loaded:
    """Read the settings as if this text were in the file at ``path``. Raises ``SettingsError`` as ``load`` does."""
    return _loaded(path, _parsed(text, path))


def settings_path(file: Path | None) -> Path:
    """Return the path of the settings file: the one that is named, else the user's own."""
    return without_tilde(file) if file else default_file(_environ())


def _loaded(path: Path, table: dict[str, Any] | None, *, fully: bool = False) -> Loaded:
    environ = _environ()
    _refuse_unknown_variables(environ)
    given = table or {}
    own = _own_variables(environ)
    meant = standard(environ, exporter_is_set="exporter" in own)
    sources = (
        _Source(given, dict.fromkeys(given, str(path))),
        _Source(meant.values, {name: f"environment {variable}" for name, variable in meant.variables.items()}),
        _Source(own, {name: f"environment {_variable(name)}" for name in own}),
    )
    return Loaded(
        settings=_checked(sources, fully=fully),
        origins={name: _origin(name, sources) for name in _OWN} | _origins_of_otlp(environ, given, path),
        file=None if table is None else path,
        refused=tuple(meant.refused),
    )


def _environ() -> dict[str, str]:
    """Return the variables that are set: one with an empty value is not."""
    return {name: value for name, value in os.environ.items() if value}


def state_dir_unchecked(file: Path | None = None) -> Path:
    """Return the folder of the ledger without a check of the settings, for what has no time for one.

    It may be another one than ``load`` returns if the settings contain an error.
    """
    environ = _environ()
    value = environ.get(_variable("state_dir"))
    if value is None:
        try:
            table = _read_file(without_tilde(file) if file else default_file(environ), required=False)
        except SettingsError:
            table = None
        value = (table or {}).get("state_dir")
    return Path(os.path.expanduser(value)) if isinstance(value, str) else Settings().state_dir  # noqa: PTH111


class _Source(Struct, frozen=True):
    """A place that values come from. Of several, the last one that has a value wins."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]
    """The place of each value, as ``Loaded.origins`` has it."""


def _origin(name: str, sources: Sequence[_Source]) -> str:
    return next((source.origins[name] for source in reversed(sources) if name in source.origins), "default")


def _own_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the values of our variables, in any case of letters, by the names of the settings."""
    upper = {name.upper(): value for name, value in environ.items()}
    return {name: upper[_variable(name)] for name in _OWN if _variable(name) in upper}


def _checked(sources: Sequence[_Source], *, fully: bool) -> Settings:
    """Return the settings that the sources make together. Raises ``SettingsError`` for each wrong value.

    ``fully`` asks pydantic always. Else it is asked only about what ``ordinary`` refuses: its import takes a quarter of a
    second.
    """
    values = {name: value for source in sources for name, value in source.values.items()}
    if not values:
        return Settings()
    from otel_agent.settings.ordinary import ordinary_settings  # noqa: PLC0415

    if not fully and (found := ordinary_settings(values)) is not None:
        return found
    from pydantic import ValidationError  # noqa: PLC0415

    from otel_agent.settings.validation import settings_from  # noqa: PLC0415

    try:
        return settings_from(values)
    except ValidationError as error:
        raise SettingsError(_explain(error, sources)) from None


def default_file(environ: Mapping[str, str]) -> Path:
    """Return ``$XDG_CONFIG_HOME/otel-agent/otel-agent.toml``, or the system's folder for settings if that is not set."""
    return user_folder("config", environ) / "otel-agent.toml"


def _read_file(path: Path, *, required: bool) -> dict[str, Any] | None:
    """Return the content of the file; ``None`` if it does not exist and is not ``required``."""
    try:
        text = file_text(path)
    except (FileNotFoundError, NotADirectoryError):
        if not required:
            return None
        raise SettingsError(f"{path} does not exist. Pass another file with --config.") from None
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}.") from None
    return _parsed(text, path)


def _parsed(text: str, path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}.") from None


def _variable(name: str) -> str:
    return PREFIX + name.upper()


_OF_TABLE: Final[Mapping[str, type[Struct]]] = {
    "otlp": OtlpSettings,
    "budget": BudgetSettings,
    "budget_notice": BudgetNoticeSettings,
}
_OWN: Final = tuple(name for name in Settings.__struct_fields__ if name not in _OF_TABLE)
"""The settings that have a variable of ours."""
_OTHER_VARIABLES: Final = frozenset({"OTEL_AGENT_CONFIG"})


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {_variable(name) for name in _OWN} | _OTHER_VARIABLES
    for variable in sorted(environ):
        if variable.upper().startswith(PREFIX) and variable.upper() not in known:
            raise SettingsError(f"{variable} is not a setting.{_hint(variable, known)}")


def _hint(name: str, known: set[str]) -> str:
    if name.upper().startswith(f"{PREFIX}OTLP"):
        return " Use the standard OTEL_EXPORTER_OTLP_* variables, or the table [otlp] in the settings file."
    import difflib  # noqa: PLC0415

    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _explain(error: "ValidationError", sources: Sequence[_Source]) -> str:
    lines = []
    # Without the input: a value in the wrong place may be a key.
    for problem in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in problem["loc"])
        top = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] == "extra_forbidden":
            fields = set(_OF_TABLE.get(top, Settings).__struct_fields__)
            lines.append(f"{_origin(top, sources)}: {key} is not a setting.{_hint(key.rpartition('.')[2], fields)}")
        else:
            lines.append(f"{_origin(top, sources)}: {key}: {problem['msg'].removeprefix('Value error, ')}.")
    return "\n".join(lines)


def _origins_of_otlp(environ: Mapping[str, str], table: Mapping[str, Any], path: Path) -> dict[str, str]:
    """Return where each key of ``[otlp]`` came from; ``otlp.traces.endpoint`` is one that is set for one signal alone."""
    origins = {}
    for name in OtlpSettings.__struct_fields__:
        general = otlp_variable(name)
        below = str(path) if name in table.get("otlp", {}) else "default"
        origins[f"otlp.{name}"] = f"environment {general}" if general in environ else below
        for signal in get_args(Signal):
            variable = otlp_variable(name, signal)
            if variable in environ:
                origins[f"otlp.{signal}.{name}"] = f"environment {variable}"
    return origins


def otlp_variable(name: str, signal: Signal | None = None) -> str:
    """Return the standard variable for a key of ``[otlp]``, for both signals or for one."""
    own = f"{signal.upper()}_" if signal else ""
    return f"{OTLP_PREFIX}{own}{name.removesuffix('_seconds').upper()}"

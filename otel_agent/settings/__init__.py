"""Reads the settings, and knows where each value came from.

A variable ``OTEL_AGENT_<NAME>`` wins over the standard variable of OpenTelemetry that means the same. Standard
variables win over the TOML file, and the file wins over the defaults. The address of an OTLP endpoint is set with the
standard ``OTEL_EXPORTER_OTLP_*`` variables, which the exporters read themselves, or in the file's table ``[otlp]``.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from msgspec import Struct

from otel_agent.errors import SettingsError
from otel_agent.semconv import Signal
from otel_agent.settings.standard import Standard, standard
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


def load(file: Path | None = None) -> Loaded:
    """Read the settings. If no ``file`` is given, the user's own is read, if there is one.

    A variable with an empty value counts as not set. Raises ``SettingsError``, which names each key that is unknown or
    has a wrong value, and the file or variable it comes from.
    """
    path = settings_path(file)
    return _loaded(path, _read_file(path, required=file is not None))


def load_text(text: str, path: Path) -> Loaded:
    """Read the settings as if this text were in the file at ``path``. Raises ``SettingsError`` as ``load`` does."""
    return _loaded(path, _parsed(text, path))


def settings_path(file: Path | None) -> Path:
    """Return the path of the settings file: the one that is named, else the user's own."""
    return file.expanduser() if file else default_file(_environ())


def _loaded(path: Path, table: dict[str, Any] | None) -> Loaded:
    environ = _environ()
    _refuse_unknown_variables(environ)
    given = table or {}
    meant = standard(environ, exporter_is_set=bool(environ.get(_variable("exporter"))))
    written = given or meant.values or any(_variable(name) in map(str.upper, environ) for name in _OWN)
    sources = _Sources(environ, given, path, meant)
    # Defaults alone need no check, and so no pydantic.
    settings = _validated({**given, **meant.values}, sources) if written else Settings()
    return Loaded(
        settings=settings,
        origins={name: sources.origin(name) for name in _OWN} | _origins_of_otlp(environ, given, path),
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
            table = _read_file(file.expanduser() if file else default_file(environ), required=False)
        except SettingsError:
            table = None
        value = (table or {}).get("state_dir")
    return Path(os.path.expanduser(value)) if isinstance(value, str) else Settings().state_dir  # noqa: PTH111


class _Sources(Struct, frozen=True):
    """All places that a value can come from."""

    environ: Mapping[str, str]
    table: Mapping[str, Any]
    path: Path
    standard: Standard

    def origin(self, name: str) -> str:
        """Return where the value of a setting comes from, as ``Loaded.origins`` has it."""
        if any(variable.upper() == _variable(name) for variable in self.environ):
            return f"environment {_variable(name)}"
        if name in self.standard.variables:
            return f"environment {self.standard.variables[name]}"
        return str(self.path) if name in self.table else "default"


def _validated(values: dict[str, Any], sources: _Sources) -> Settings:
    """Check the values with pydantic. It takes a tenth of a second to import, so this is only called if there are any."""
    from pydantic import ValidationError  # noqa: PLC0415

    from otel_agent.settings.validation import settings_from  # noqa: PLC0415

    try:
        return settings_from(values)
    except ValidationError as error:
        raise SettingsError(_explain(error, sources)) from None


def default_file(environ: Mapping[str, str]) -> Path:
    """Return ``$XDG_CONFIG_HOME/otel-agent/otel-agent.toml``, or the system's folder for settings if that is not set."""
    base = environ.get("XDG_CONFIG_HOME")
    if base:
        return Path(base) / "otel-agent" / "otel-agent.toml"
    from platformdirs import user_config_path  # noqa: PLC0415 - only if the system has to be asked

    return user_config_path("otel-agent") / "otel-agent.toml"


def _read_file(path: Path, *, required: bool) -> dict[str, Any] | None:
    """Return the content of the file; ``None`` if it does not exist and is not ``required``."""
    try:
        text = path.read_text(encoding="utf-8")
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


def _explain(error: "ValidationError", sources: _Sources) -> str:
    lines = []
    # Without the input: a value in the wrong place may be a key.
    for problem in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in problem["loc"])
        top = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] == "extra_forbidden":
            fields = set(_OF_TABLE.get(top, Settings).__struct_fields__)
            lines.append(f"{sources.path}: {key} is not a setting.{_hint(key.rpartition('.')[2], fields)}")
        else:
            lines.append(f"{sources.origin(top)}: {key}: {problem['msg'].removeprefix('Value error, ')}.")
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

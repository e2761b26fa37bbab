"""The settings: what there is to set, what it is when nobody did, and where each value came from.

Environment ``OTEL_AGENT_<NAME>`` wins over OpenTelemetry's standard variables (where one means the same), they over
the TOML file, and that over the defaults below. How to reach an OTLP endpoint is said with the standard
``OTEL_EXPORTER_OTLP_*`` variables, which the exporters read themselves, or in the file's table ``[otlp]``.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from platformdirs import user_config_path, user_state_path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from otel_agent.errors import SettingsError

PREFIX: Final = "OTEL_AGENT_"
OTLP_PREFIX: Final = "OTEL_EXPORTER_OTLP_"
_DURATION: Final = re.compile(r"(\d+)\s*([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

_YEAR_SECONDS: Final = 31_536_000


def _expanded(path: Path) -> Path:
    """With ``~`` and ``~user`` resolved: nobody does so for a settings file or a service's environment."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"no such user: {path.parts[0]}") from None


FilePath = Annotated[Path, AfterValidator(_expanded)]
Seconds = Annotated[float, Field(gt=0, le=_YEAR_SECONDS, allow_inf_nan=False)]
"""Up to a year: what is longer cannot be waited for, or be told apart from for ever."""
Exporter = Literal["otlp", "console", "file", "none"]
Signal = Literal["traces", "metrics"]


class OtlpSettings(BaseModel):
    """The file's table ``[otlp]``. Where a standard variable says the same for a signal, the variable wins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str | None = None
    protocol: Literal["http/protobuf", "grpc"] | None = None
    headers: dict[str, SecretStr] = {}
    compression: Literal["none", "gzip", "deflate"] | None = None
    timeout_seconds: Seconds | None = None
    certificate: FilePath | None = None
    client_key: FilePath | None = None
    client_certificate: FilePath | None = None


class Settings(BaseSettings):
    """All settings, validated and frozen. The comments of ``config/otel-agent.toml`` say what each is for."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    state_dir: FilePath = Field(default_factory=lambda: _state_dir(os.environ))
    data_dirs: Annotated[tuple[FilePath, ...], NoDecode] = ()
    backfill: str = "all"

    rescan_interval_seconds: Seconds = 2.0
    sweep_interval_seconds: Seconds = 600.0
    killed_grace_seconds: Annotated[int, Field(ge=0, le=_YEAR_SECONDS)] = 3600

    exporter: Exporter = "otlp"
    traces_exporter: Exporter | None = None
    metrics_exporter: Exporter | None = None
    metric_export_interval_seconds: Seconds = 60.0
    shutdown_timeout_seconds: Seconds = 10.0

    accounting: Literal["recorded", "disjoint"] = "recorded"
    genai_semconv: Literal["latest", "legacy", "both"] = "both"
    metrics_include_session_id: bool = True
    session_window_hours: Annotated[float, Field(gt=0, le=_YEAR_SECONDS / 3600, allow_inf_nan=False)] = 24.0
    max_series: Annotated[int, Field(ge=1)] = 10_000
    session_titles: bool = False

    file_dir: FilePath | None = None
    file_max_bytes: Annotated[int, Field(ge=1024 * 1024)] = 64 * 1024 * 1024
    file_backups: Annotated[int, Field(ge=1)] = 4

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    otlp: OtlpSettings = OtlpSettings()

    @field_validator("data_dirs", mode="before")
    @classmethod
    def _split_folders(cls, value: object) -> object:
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("backfill")
    @classmethod
    def _known_backfill(cls, value: str) -> str:
        if value not in ("all", "none") and not _DURATION.fullmatch(value):
            raise ValueError("must be all, none, or a duration such as 36h, 7d or 4w")
        return value

    @property
    def backfill_seconds(self) -> int | None:
        """How far back the very first start counts: ``None`` for all there is, 0 for nothing."""
        if self.backfill == "all":
            return None
        match = _DURATION.fullmatch(self.backfill)
        return int(match[1]) * _SECONDS[match[2]] if match else 0

    @property
    def file_exporter_dir(self) -> Path:
        return self.file_dir or self.state_dir / "export"

    def exporter_of(self, signal: Signal) -> Exporter:
        own = self.traces_exporter if signal == "traces" else self.metrics_exporter
        return own or self.exporter

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over what ``load`` passes in."""
        return env_settings, init_settings


class Loaded(BaseModel):
    """The settings with, for each, where its value came from."""

    model_config = ConfigDict(frozen=True)

    settings: Settings
    origins: dict[str, str]
    file: Path | None


def load(file: Path | None = None) -> Loaded:
    """Read the settings. Without ``file`` the user's own is read if there is one.

    A variable that is set to nothing counts as not set. Raises ``SettingsError``, which names each key that is unknown
    or has a wrong value, and where it stands.
    """
    environ = {name: value for name, value in os.environ.items() if value}
    path = file.expanduser() if file else default_file(environ)
    table = _read_file(path, required=file is not None)
    _refuse_unknown_variables(environ)
    given = table or {}
    standard = {name: value for name, (_, value) in _standard(environ).items()}
    try:
        settings = Settings(**{**given, **standard})
    except ValidationError as error:
        raise SettingsError(_explain(error, path, given, environ)) from None
    own = {name: _origin(name, environ, given, path) for name in Settings.model_fields if name != "otlp"}
    return Loaded(
        settings=settings,
        origins=own | _origins_of_otlp(environ, given, path),
        file=None if table is None else path,
    )


def default_file(environ: Mapping[str, str]) -> Path:
    """``$XDG_CONFIG_HOME/otel-agent/otel-agent.toml``, else the place the system has for such files."""
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) / "otel-agent" if base else user_config_path("otel-agent")) / "otel-agent.toml"


def _state_dir(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_STATE_HOME")
    return Path(base) / "otel-agent" if base else user_state_path("otel-agent", appauthor=False)


def _read_file(path: Path, *, required: bool) -> dict[str, Any] | None:
    """What the file holds; ``None`` where there is none and none is ``required``."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if not required:
            return None
        raise SettingsError(f"there is no {path}. Name another with --config.") from None
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}.") from None


_STANDARD: Final = {
    "OTEL_TRACES_EXPORTER": "traces_exporter",
    "OTEL_METRICS_EXPORTER": "metrics_exporter",
    "OTEL_METRIC_EXPORT_INTERVAL": "metric_export_interval_seconds",
    "OTEL_METRICS_INCLUDE_SESSION_ID": "metrics_include_session_id",
}
"""OpenTelemetry's variables that say what a setting of ours says."""
_EXPORTERS: Final = ("traces_exporter", "metrics_exporter")


def _standard(environ: Mapping[str, str]) -> dict[str, tuple[str, object]]:
    """Setting to (variable, value) for the standard variables that are set and that no variable of ours overrules."""
    found: dict[str, tuple[str, object]] = {}
    for variable, name in _STANDARD.items():
        value = environ.get(variable, "").strip()
        if value:
            found[name] = variable, _seconds(value) if variable == "OTEL_METRIC_EXPORT_INTERVAL" else value
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        found |= dict.fromkeys(_EXPORTERS, ("OTEL_SDK_DISABLED", "none"))
    if environ.get(_variable("exporter")):
        found = {name: value for name, value in found.items() if name not in _EXPORTERS}
    return found


def _seconds(milliseconds: str) -> object:
    """The standard counts this one in milliseconds; what is no number is left for validation to refuse."""
    try:
        return float(milliseconds) / 1000
    except ValueError:
        return milliseconds


def _variable(name: str) -> str:
    return PREFIX + name.upper()


_OTHER_VARIABLES: Final = frozenset({"OTEL_AGENT_CONFIG"})


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {_variable(name) for name in Settings.model_fields if name != "otlp"} | _OTHER_VARIABLES
    for variable in sorted(environ):
        if variable.upper().startswith(PREFIX) and variable.upper() not in known:
            raise SettingsError(f"{variable} is not a setting.{_hint(variable, known)}")


def _hint(name: str, known: set[str]) -> str:
    if name.upper().startswith(f"{PREFIX}OTLP"):
        return " Use the standard OTEL_EXPORTER_OTLP_* variables, or the table [otlp] in the settings file."
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _explain(error: ValidationError, path: Path, table: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    lines = []
    for each in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in each["loc"])
        top = str(each["loc"][0]) if each["loc"] else ""
        where = _origin(top, environ, table, path)
        if each["type"] == "extra_forbidden":
            fields = set(OtlpSettings.model_fields) if key.startswith("otlp.") else set(Settings.model_fields)
            lines.append(f"{path}: {key} is not a setting.{_hint(key.rpartition('.')[2], fields)}")
        else:
            lines.append(f"{where}: {key}: {each['msg'].removeprefix('Value error, ')}.")
    return "\n".join(lines)


def _origin(name: str, environ: Mapping[str, str], table: Mapping[str, Any], path: Path) -> str:
    if any(variable.upper() == _variable(name) for variable in environ):
        return f"environment {_variable(name)}"
    standard = _standard(environ).get(name)
    if standard is not None:
        return f"environment {standard[0]}"
    return str(path) if name in table else "default"


def _origins_of_otlp(environ: Mapping[str, str], table: Mapping[str, Any], path: Path) -> dict[str, str]:
    """For each key of ``[otlp]``, and for each that a variable sets for one signal alone: ``otlp.traces.endpoint``."""
    found = {}
    for name in OtlpSettings.model_fields:
        general = otlp_variable(name)
        below = str(path) if name in table.get("otlp", {}) else "default"
        found[f"otlp.{name}"] = f"environment {general}" if general in environ else below
        for signal in get_args(Signal):
            variable = otlp_variable(name, signal)
            if variable in environ:
                found[f"otlp.{signal}.{name}"] = f"environment {variable}"
    return found


def otlp_variable(name: str, signal: Signal | None = None) -> str:
    """The standard variable for a key of ``[otlp]``, for both signals or for one."""
    own = f"{signal.upper()}_" if signal else ""
    return f"{OTLP_PREFIX}{own}{name.removesuffix('_seconds').upper()}"

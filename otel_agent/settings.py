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
from typing import Annotated, Any, Final, Literal

from platformdirs import user_config_path, user_state_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from otel_agent.errors import SettingsError

PREFIX: Final = "OTEL_AGENT_"
_DURATION: Final = re.compile(r"(\d+)\s*([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

Exporter = Literal["otlp", "console", "file", "none"]


class OtlpSettings(BaseModel):
    """The file's table ``[otlp]``. Where a standard variable says the same for a signal, the variable wins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str | None = None
    protocol: Literal["http/protobuf", "grpc"] | None = None
    headers: dict[str, SecretStr] = {}
    compression: Literal["none", "gzip", "deflate"] | None = None
    timeout_seconds: Annotated[float, Field(gt=0)] | None = None
    certificate: Path | None = None
    client_key: Path | None = None
    client_certificate: Path | None = None


class Settings(BaseSettings):
    """All settings, validated and frozen. The comments of ``config/otel-agent.toml`` say what each is for."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    state_dir: Path = Field(default_factory=lambda: _state_dir(os.environ))
    data_dirs: Annotated[tuple[Path, ...], NoDecode] = ()
    backfill: str = "all"

    rescan_interval_seconds: Annotated[float, Field(gt=0)] = 2.0
    sweep_interval_seconds: Annotated[float, Field(gt=0)] = 600.0
    killed_grace_seconds: Annotated[int, Field(ge=0)] = 3600

    exporter: Exporter = "otlp"
    traces_exporter: Exporter | None = None
    metrics_exporter: Exporter | None = None
    metric_export_interval_seconds: Annotated[float, Field(gt=0)] = 60.0
    shutdown_timeout_seconds: Annotated[float, Field(gt=0)] = 10.0

    accounting: Literal["recorded", "disjoint"] = "recorded"
    genai_semconv: Literal["latest", "legacy", "both"] = "both"
    metrics_include_session_id: bool = True
    session_window_hours: Annotated[float, Field(gt=0)] = 24.0
    max_series: Annotated[int, Field(ge=1)] = 10_000
    session_titles: bool = False

    file_dir: Path | None = None
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

    @field_validator("state_dir", "file_dir")
    @classmethod
    def _expand(cls, value: Path | None) -> Path | None:
        return value.expanduser() if value is not None else None

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

    def exporter_of(self, signal: Literal["traces", "metrics"]) -> Exporter:
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


def load(file: Path | None = None, environ: Mapping[str, str] = os.environ) -> Loaded:
    """Read the settings. Without ``file`` the user's own is read if there is one.

    Raises ``SettingsError``, which names each key that is unknown or has a wrong value, and where it stands.
    """
    path = file or default_file(environ)
    table = _read_file(path) if file is not None or path.is_file() else {}
    standard = {name: value for name, (_, value) in _standard(environ).items()}
    _refuse_unknown_variables(environ)
    try:
        settings = Settings(**{**table, **standard})
    except ValidationError as error:
        raise SettingsError(_explain(error, path, table, environ)) from None
    origins = {name: _origin(name, environ, table, path) for name in Settings.model_fields if name != "otlp"}
    otlp = {f"otlp.{name}": _origin_of_otlp(name, environ, table, path) for name in OtlpSettings.model_fields}
    return Loaded(settings=settings, origins=origins | otlp, file=path if table else None)


def default_file(environ: Mapping[str, str]) -> Path:
    """``$XDG_CONFIG_HOME/otel-agent/otel-agent.toml``, else the place the system has for such files."""
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) / "otel-agent" if base else user_config_path("otel-agent")) / "otel-agent.toml"


def _state_dir(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_STATE_HOME")
    return Path(base) / "otel-agent" if base else user_state_path("otel-agent", appauthor=False)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
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


def _standard(environ: Mapping[str, str]) -> dict[str, tuple[str, object]]:
    """Setting to (variable, value) for the standard variables that are set."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        off = ("OTEL_SDK_DISABLED", "none")
        return {"traces_exporter": off, "metrics_exporter": off}
    found: dict[str, tuple[str, object]] = {}
    for variable, name in _STANDARD.items():
        value = environ.get(variable, "").strip()
        if value:
            found[name] = variable, _seconds(value) if variable == "OTEL_METRIC_EXPORT_INTERVAL" else value
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
            lines.append(f"{where}: {key}: {each['msg']}.")
    return "\n".join(lines)


def _origin(name: str, environ: Mapping[str, str], table: Mapping[str, Any], path: Path) -> str:
    if any(variable.upper() == _variable(name) for variable in environ):
        return f"environment {_variable(name)}"
    standard = _standard(environ).get(name)
    if standard is not None:
        return f"environment {standard[0]}"
    return str(path) if name in table else "default"


def _origin_of_otlp(name: str, environ: Mapping[str, str], table: Mapping[str, Any], path: Path) -> str:
    suffix = otlp_variable(name)
    for variable in (f"TRACES_{suffix}", f"METRICS_{suffix}", suffix):
        if environ.get(f"OTEL_EXPORTER_OTLP_{variable}"):
            return f"environment OTEL_EXPORTER_OTLP_{variable}"
    return str(path) if name in table.get("otlp", {}) else "default"


def otlp_variable(name: str) -> str:
    """The ending of the standard variable for a key of ``[otlp]``."""
    return name.removesuffix("_seconds").upper()

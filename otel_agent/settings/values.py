"""Every setting with its default, as plain values that cost nothing to import.

``ordinary`` checks a value that a person wrote by its type and the bounds beside it, and ``validation`` says what is wrong.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

from otel_agent.semconv import Signal
from otel_agent.settings.user_folders import user_folder

Exporter = Literal["otlp", "console", "file", "none"]

DURATION: Final = re.compile(r"(\d+)\s*([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_YEAR_SECONDS: Final = 31_536_000
SEPARATED: Final = re.compile(r"[1-9][0-9]{0,2}(_[0-9]{3})+(\.[0-9]+)?")
"""A text with ``_`` between thousands. Python reads ``1_5`` as 15, and a person may mean 1.5."""
TRUTH: Final = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}
"""The words that mean true or false in a variable."""


Seconds = Annotated[float, Meta(gt=0, le=_YEAR_SECONDS)]
"""A time up to a year: longer is indistinguishable from never."""


class OtlpSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file's table ``[otlp]``. A standard variable that sets the same for a signal wins."""

    endpoint: str | None = None
    protocol: Literal["http/protobuf", "grpc"] | None = None
    headers: dict[str, str] = {}
    compression: Literal["none", "gzip", "deflate"] | None = None
    timeout_seconds: Seconds | None = None
    certificate: Path | None = None
    client_key: Path | None = None
    client_certificate: Path | None = None

    def __repr__(self) -> str:
        """Show no value: headers and addresses may hold keys."""
        return "OtlpSettings(…)"


class LockedOtlp(OtlpSettings, frozen=True, kw_only=True):
    """The table, if an administrator locked some of its keys: no standard variable wins over those.

    If a user names another address than a locked one, the keys that belong to an address are among them.
    """

    locked: frozenset[str]


class BudgetSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the file's tables ``[[budget]]``: an amount of tokens or dollars that a person does not want to pass."""

    name: str = ""
    """Shown instead of a description."""
    tokens: Annotated[int, Meta(ge=1)] | None = None
    cost_usd: Annotated[float, Meta(gt=0)] | None = None
    """Either this or ``tokens`` is set."""
    per: Literal["day", "week", "month"] = "day"
    projects: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    """Globs, as the options of ``summary`` take them; all usage counts if there are none."""


class BudgetNoticeSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file's table ``[budget_notice]``: when the agent says that a budget is used up, and whom it tells."""

    thresholds: tuple[Annotated[float, Meta(gt=0, le=10_000)], ...] = (80.0, 100.0)
    """Per cent of a budget. There is one notice for each, in each day, week or month."""
    command: tuple[str, ...] = ()
    """A program and its arguments, which gets each notice as JSON on its standard input; no shell."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=3_600)] = 10.0
    """A command that runs longer is killed."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings. The comments of ``config/otel-agent.toml`` say what each is for."""

    state_dir: Path = field(default_factory=lambda: user_folder("state", os.environ))
    data_dirs: tuple[Path, ...] = ()
    discover_stores: bool = True
    backfill: str = "all"

    rescan_interval_seconds: Seconds = 2.0
    sweep_interval_seconds: Seconds = 600.0
    killed_grace_seconds: Annotated[int, Meta(ge=0, le=_YEAR_SECONDS)] = 3600

    exporter: Exporter = "otlp"
    traces_exporter: Exporter | None = None
    metrics_exporter: Exporter | None = None
    accept_any_2xx: bool = False
    metric_export_interval_seconds: Seconds = 60.0
    shutdown_timeout_seconds: Seconds = 10.0

    unattributed_usage: bool = True
    accounting: Literal["recorded", "disjoint"] = "recorded"
    genai_semconv: Literal["latest", "legacy", "both"] = "both"
    metrics_profile: Literal["opencode", "claude_code", "both"] = "opencode"
    metrics_include_session_id: bool = True
    heartbeat_hours: Annotated[float, Meta(gt=0, le=_YEAR_SECONDS / 3600)] = 24.0
    heartbeat_series: Annotated[int, Meta(ge=0)] = 2_000
    session_window_hours: Annotated[float, Meta(gt=0, le=_YEAR_SECONDS / 3600)] = 24.0
    max_series: Annotated[int, Meta(ge=1)] = 10_000
    session_titles: bool = False
    vcs_attributes: bool = False
    loop_repeats: Annotated[int, Meta(ge=0, le=60)] = 3
    loop_calls_per_minute: Annotated[int, Meta(ge=0)] = 40
    process_metrics: bool = True
    process_min_memory_mb: Annotated[float, Meta(ge=0, le=1_000_000)] = 0.0

    prices_file: Path | None = None

    file_dir: Path | None = None
    file_max_bytes: Annotated[int, Meta(ge=1024 * 1024)] = 64 * 1024 * 1024
    file_backups: Annotated[int, Meta(ge=1)] = 4

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    otlp: OtlpSettings = OtlpSettings()
    budget: tuple[BudgetSettings, ...] = ()
    budget_notice: BudgetNoticeSettings = BudgetNoticeSettings()

    @property
    def backfill_seconds(self) -> int | None:
        """The seconds back from the very first start that are counted: ``None`` for the whole history, 0 for nothing."""
        if self.backfill == "all":
            return None
        match = DURATION.fullmatch(self.backfill)
        return int(match[1]) * _SECONDS[match[2]] if match else 0

    @property
    def file_exporter_dir(self) -> Path:
        """The folder into which the file exporter writes."""
        return self.file_dir or self.state_dir / "export"

    def exporter_of(self, signal: Signal) -> Exporter:
        """Return the exporter of one signal; its own setting wins over ``exporter``."""
        own = self.traces_exporter if signal == "traces" else self.metrics_exporter
        return own or self.exporter

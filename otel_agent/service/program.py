"""What is to be started, and with which environment."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from otel_agent.errors import SettingsError

_CARRIED: Final = ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "OPENCODE_DB")
"""What says where things are, and what a service manager would not know of. Nothing that may hold a key."""
_OURS: Final = "OTEL_AGENT_"
_FOLDERS: Final = (*_CARRIED[:3], "OTEL_AGENT_STATE_DIR", "OTEL_AGENT_DATA_DIRS", "OTEL_AGENT_FILE_DIR")
"""Those that hold folders. ``OPENCODE_DB`` may be relative: to OpenCode's own folder."""


class Program(Struct, frozen=True, kw_only=True):
    command: tuple[str, ...]
    environment: dict[str, str]
    state_dir: Path
    """Where it writes."""
    environment_file: Path
    """Where a person puts addresses and keys."""
    log_file: Path
    """For service managers that keep no log of their own."""
    only_writable: tuple[Path, ...] = ()
    """Where a read-only home is asked for: the folders below it that it may write to all the same."""


def program(
    *,
    state_dir: Path,
    config_file: Path,
    config: Path | None,
    environ: Mapping[str, str],
    only_writable: tuple[Path, ...] = (),
) -> Program:
    """The agent as it was started now. ``config`` is the settings file that was named, if any; ``config_file`` the one
    that is looked for else. Raises ``SettingsError`` for a variable that holds a folder relative to this one."""
    own = [sys.executable, "-m", "otel_agent"]
    script = Path(sys.argv[0])
    if script.name == "otel-agent" and script.exists():
        own = [str(script.absolute())]
    named = ["--config", str(config.absolute())] if config is not None else []
    carried = {
        name: value
        for name, value in environ.items()
        if value and (name in _CARRIED or (name.startswith(_OURS) and name != "OTEL_AGENT_CONFIG"))
    }
    _refuse_relative(carried)
    return Program(
        command=(*own, "run", *named),
        environment=carried,
        state_dir=state_dir,
        environment_file=config_file.with_name("environment"),
        log_file=state_dir / "agent.log",
        only_writable=only_writable,
    )


def not_carried(environ: Mapping[str, str]) -> list[str]:
    """The names of OpenTelemetry's variables that are set here, and that the service will not see: they may hold keys."""
    return sorted(
        name for name, value in environ.items() if value and name.startswith("OTEL_") and not name.startswith(_OURS)
    )


def _refuse_relative(carried: Mapping[str, str]) -> None:
    for name, value in carried.items():
        folders = value.split(os.pathsep) if name in _FOLDERS else []
        for folder in folders:
            if folder and not folder.startswith("~") and not Path(folder).is_absolute():
                raise SettingsError(
                    f"{name}: {folder} is relative, and a service starts elsewhere. Give the whole path."
                )


def replace_file(path: Path, text: str) -> None:
    """All of it or nothing, whoever reads it at that moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)  # noqa: PTH105 - Path.replace says the same, and returns what nobody wants

"""The program that the service starts, and the environment it gets."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from otel_agent.errors import SettingsError
from otel_agent.private_files import replace_private

_CARRIED: Final = ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "OPENCODE_DB")
"""Variables that say where data is, which a service manager would not pass on. None of them may hold a key."""
_OURS: Final = "OTEL_AGENT_"
"""The beginning of our own variables, which are passed on too, and hold no keys either."""
_FOLDERS: Final = (*_CARRIED[:3], "OTEL_AGENT_STATE_DIR", "OTEL_AGENT_DATA_DIRS", "OTEL_AGENT_FILE_DIR")
"""The variables that hold folders, and must not be relative. ``OPENCODE_DB`` may be: to OpenCode's own folder."""


class Program(Struct, frozen=True, kw_only=True):
    """Everything that a service manager has to know to start the agent. All paths are absolute."""

    command: tuple[str, ...]
    environment: dict[str, str]
    state_dir: Path
    """The folder of the ledger."""
    environment_file: Path
    """The file into which a person puts addresses and keys, as variables. It may not exist yet."""
    log_file: Path
    """The log file, for a service manager that keeps no log of its own."""
    only_writable: tuple[Path, ...] = ()
    """The folders that stay writable if the home is to be read-only; empty if it is not."""


def program(
    *,
    state_dir: Path,
    config_file: Path,
    config: Path | None,
    environ: Mapping[str, str],
    only_writable: tuple[Path, ...] = (),
) -> Program:
    """Return the program as it was called now: the same script, settings file and folders.

    ``config`` is the settings file named with ``--config``, if any; ``config_file`` is the default one. Raises
    ``SettingsError`` for a variable that holds a relative folder.
    """
    # The interpreter finds the package from anywhere; the script is nicer to read in a list of processes.
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
    """Return the names of OpenTelemetry's variables that are set here and not passed on, because they may hold keys."""
    return sorted(
        name for name, value in environ.items() if value and name.startswith("OTEL_") and not name.startswith(_OURS)
    )


def _refuse_relative(carried: Mapping[str, str]) -> None:
    for name, value in carried.items():
        folders = value.split(os.pathsep) if name in _FOLDERS else []
        for folder in folders:
            # The settings expand ``~`` themselves, in a service as in a shell.
            if folder and not folder.startswith("~") and not Path(folder).is_absolute():
                raise SettingsError(
                    f"{name}: {folder} is relative, but the service starts in another folder. Give the whole path."
                )


def replace_file(path: Path, text: str) -> None:
    """Write a file in one step: whoever reads it meanwhile sees the old or the new content, and never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_private(path, text.encode(), mode=0o644)

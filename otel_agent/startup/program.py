"""What is to be started, and with which environment."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

_CARRIED: Final = ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "OPENCODE_DB")
"""What says where things are, and what a service manager would not know of. Nothing that may hold a key."""
_OURS: Final = "OTEL_AGENT_"


class Program(Struct, frozen=True, kw_only=True):
    command: tuple[str, ...]
    environment: dict[str, str]
    writable: tuple[Path, ...]
    """Folders it has to write to."""
    environment_file: Path
    """Where a person puts addresses and keys."""
    log_file: Path
    """For service managers that keep no log of their own."""


def program(
    *, state_dir: Path, config_file: Path, data: tuple[Path, ...], config: Path | None, environ: Mapping[str, str]
) -> Program:
    """The agent as it was started now. ``config`` is the settings file that was named, if any; ``config_file`` the one
    that is looked for else; ``data`` are OpenCode's data folders."""
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
    return Program(
        command=(*own, "run", *named),
        environment=carried,
        writable=(state_dir, *data),
        environment_file=config_file.with_name("environment"),
        log_file=state_dir / "agent.log",
    )


def replace_file(path: Path, text: str) -> None:
    """All of it or nothing, whoever reads it at that moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)  # noqa: PTH105 - Path.replace says the same, and returns what nobody wants

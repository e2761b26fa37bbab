"""The folders of a user that are ours: for settings and for the ledger."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from otel_agent.errors import SettingsError

_BELOW_HOME: Final = {"config": ".config", "state": ".local/state"}
_NO_HOME: Final = "this user has no home folder. Set HOME, or XDG_CONFIG_HOME and XDG_STATE_HOME, to folders of yours."


def without_tilde(path: Path) -> Path:
    """Resolve ``~`` and ``~user`` in a path that somebody named. Raises ``SettingsError`` if there is no such user."""
    try:
        return path.expanduser()
    except RuntimeError:
        if path.parts[0] == "~":
            raise SettingsError(_NO_HOME) from None
        raise SettingsError(f"{path}: no such user: {path.parts[0]}. Pass another path.") from None


def user_folder(kind: Literal["config", "state"], environ: Mapping[str, str]) -> Path:
    """Return ``$XDG_CONFIG_HOME/otel-agent`` or ``$XDG_STATE_HOME/otel-agent``, or the system's folder without them.

    Raises ``SettingsError`` if the user has no home.
    """
    base = environ.get(f"XDG_{kind.upper()}_HOME")
    if base:
        return Path(base) / "otel-agent"
    home = os.path.expanduser("~")  # noqa: PTH111 - a user without a home is no error of the program
    if home == "~":
        raise SettingsError(_NO_HOME)
    if sys.platform == "linux":
        # As platformdirs has it, whose import takes a hundredth of a second.
        return Path(home, _BELOW_HOME[kind], "otel-agent")
    from platformdirs import user_config_path, user_state_path  # noqa: PLC0415

    return user_config_path("otel-agent") if kind == "config" else user_state_path("otel-agent", appauthor=False)

"""The files of ``config/``, which a person may copy by hand and which commands fill in: the settings with every default,
and what starts the agent at login."""

from importlib.resources import files
from pathlib import Path
from typing import Final

_INSIDE: Final = "shipped_config"
"""Where the wheel has them, see pyproject.toml; a source tree has them in ``config/``."""


def shipped(name: str) -> str:
    """The text of one of them."""
    inside = files("otel_agent") / _INSIDE / name
    if inside.is_file():
        return inside.read_text(encoding="utf-8")
    return (Path(__file__).parents[1] / "config" / name).read_text(encoding="utf-8")

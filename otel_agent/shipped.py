"""The files of ``config/``: the settings with every default, and the definitions of the login service.

A person may copy them by hand; commands fill them in.
"""

from importlib.resources import files
from pathlib import Path
from typing import Final

_INSIDE: Final = "shipped_config"
"""The folder in the wheel, see pyproject.toml. A source tree has them in ``config/``."""


def shipped(name: str) -> str:
    """Return the text of one of the files."""
    inside = files("otel_agent") / _INSIDE / name
    if inside.is_file():
        return inside.read_text(encoding="utf-8")
    # This is a source tree, not an installed wheel.
    return (Path(__file__).parents[1] / "config" / name).read_text(encoding="utf-8")

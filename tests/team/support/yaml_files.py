"""Read files in YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def read(path: Path) -> dict[str, Any]:
    """Return a YAML file with one document."""
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found

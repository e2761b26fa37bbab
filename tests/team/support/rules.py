"""The rule files of `collector/prometheus/`, read as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.support.real_programs import COLLECTOR

FOLDER = COLLECTOR / "prometheus" / "rules"
FILES = sorted(FOLDER.glob("*.yaml"))


def groups(path: Path) -> list[dict[str, Any]]:
    """Return the groups of a file of rules."""
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return found


def recorded(record: str) -> str:
    """Return the expression that records the series `record`."""
    (found,) = (
        str(rule["expr"])
        for path in FILES
        for group in groups(path)
        for rule in group["rules"]
        if rule.get("record") == record
    )
    return found

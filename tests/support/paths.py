"""The folders of this checkout that tests need."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "otel_agent"
STORES: Final = ROOT / "tests" / "stores"
"""Stores that the real OpenCode wrote, each with an `expected.json` from the provider's record."""

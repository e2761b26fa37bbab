"""Draws the dashboards with Grafana's own panels in a real browser, and says what is there."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from scripts.dashboards_page import SOURCE, Page, boards
from tests.support.real_programs import absent, require
from tests.support.real_programs.prometheus import Prometheus
from tests.team.support.fortnight import END

WIDTHS = (1290, 1900)
"""A laptop's browser, and a large screen. Pixels."""
DRAWN_WITHIN_S = 300


@dataclass(frozen=True)
class Drawn:
    """One panel as it was drawn. Its texts are those that a person sees."""

    title: str
    type: str
    text: str
    empty: bool
    legend: list[str]
    headings: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    """Headings that lie outside the panel, so that one has to scroll."""
    cut: list[str] = field(default_factory=list)
    """Texts that do not fit into their cells."""
    bars: float = 0
    """The length of the longest bar, as a share of its room; 0 without bars."""

    def column(self, heading: str) -> list[str]:
        """Return the texts of a column, from top to bottom."""
        place = self.headings.index(heading)
        return [row[place] for row in self.rows]


Boards = dict[str, dict[int, list[Drawn]]]
"""The panels by the name of their dashboard and the width of the window."""


def draw(
    prometheus: Prometheus,
    *,
    widths: tuple[int, ...] = WIDTHS,
    pictures: Path | None = None,
    until: datetime = END,
    names: Sequence[str] = (),
) -> Boards:
    """Draw dashboards at each width, as they were at `until`. Without `names`, all are drawn.

    With `pictures`, put a picture of the first width into that folder.
    """
    modules, browser = require("grafana-panels") / "node_modules", shutil.which("chromium")
    if browser is None:
        absent("chromium is not here: run `make chromium`")
    if shutil.which("node") is None:
        absent("node is not here: install Node.js")
    page = Page("127.0.0.1:0", prometheus.url.removeprefix("http://"))
    asked = {
        "modules": str(modules),
        "browser": browser,
        "url": f"{page.url}/?to={round(until.timestamp() * 1000)}",
        "boards": list(names) or [each["name"] for each in boards()],
        "widths": list(widths),
        "pictures": None if pictures is None else str(pictures),
    }
    try:
        ran = subprocess.run(
            ["node", SOURCE / "shoot.mjs", json.dumps(asked)],
            capture_output=True,
            text=True,
            timeout=DRAWN_WITHIN_S,
            check=False,
        )
    finally:
        page.stop()
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    errors = {(name, width): drawn["errors"] for name, by in found.items() for width, drawn in by.items()}
    assert not any(errors.values()), errors
    return {
        name: {int(width): [Drawn(**panel) for panel in drawn["panels"]] for width, drawn in by.items()}
        for name, by in found.items()
    }

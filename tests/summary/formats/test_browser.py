"""A report in a real browser: it fits a telephone and a desk, and its charts show the numbers of the JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from otel_agent.summary.formats.as_html import as_html
from otel_agent.summary.formats.json_objects import document
from otel_agent.summary.question import Question
from otel_agent.summary.ranges import named_range
from otel_agent.summary.view import USAGE_VIEWS, View
from tests.summary.formats.made_text import NOW
from tests.summary.made_machine import MadeMachine
from tests.support.real_programs import absent

pytestmark = pytest.mark.browser
PHONE, DESK = (390, 844), (1280, 900)
LOOK = """
<script>
const all = (where, what) => [...document.querySelectorAll(where)].map(what);
const charts = {};
for (const section of document.querySelectorAll("section"))
  charts[section.id] = [...section.querySelectorAll("svg")].map(
    svg => [...svg.querySelectorAll("rect")].map(rect => Number(rect.dataset.tokens)));
const tables = {};
for (const section of document.querySelectorAll("section"))
  tables[section.id] = [...section.querySelectorAll(":scope > .scroll:last-of-type tbody tr")].map(
    row => [...row.children].map(cell => cell.textContent));
const seen = {
  page: [document.documentElement.scrollWidth, window.innerWidth],
  hidden: all("section h2, th, td, svg", item => item.getBoundingClientRect().width).filter(width => width == 0).length,
  ink: getComputedStyle(document.body).color, paper: getComputedStyle(document.body).backgroundColor,
  charts, tables,
};
document.body.innerHTML = "";
const pre = document.createElement("pre"); pre.id = "seen"; pre.textContent = JSON.stringify(seen); document.body.append(pre);
</script>
"""
"""A page runs no script of its own; this one is added by the test, to say what the browser made of the page."""


def seen_in_browser(page: str, folder: Path, size: tuple[int, int], *options: str) -> Any:
    if shutil.which("chromium") is None:
        absent("chromium is not here: run `make chromium`")
    file = folder / "page.html"
    file.write_text(page.replace("</body>", f"{LOOK}</body>"), encoding="utf-8")
    shown = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"),
            *(f"--window-size={size[0]},{size[1]}", *options, "--dump-dom", file.as_uri()),
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
    ).stdout
    return json.loads(shown.partition('<pre id="seen">')[2].partition("</pre>")[0])


@pytest.fixture
def views(machine: MadeMachine) -> list[View]:
    machine.has("json-1.1.27")
    return [
        machine.view(name, now=NOW, range=named_range("all", NOW), with_rhythm=True, by="hour") for name in USAGE_VIEWS
    ]


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_is_wider_than_the_window(size: tuple[int, int], views: list[View], tmp_path: Path) -> None:
    seen = seen_in_browser(as_html(views), tmp_path, size)
    # Chromium's own window has a least width.
    width, window = seen["page"]
    assert width <= window
    assert seen["hidden"] == 0


def test_rows_and_charts_have_the_numbers_of_the_json(views: list[View], tmp_path: Path) -> None:
    seen = seen_in_browser(as_html(views), tmp_path, DESK)
    for view in views:
        rows = document(view)["rows"]
        tokens = [row["tokens"]["total"] for row in rows]
        charts = seen["charts"][view.name]
        if view.name == "timeline":
            assert sum(charts[0]) == sum(tokens) == 107_562
        else:
            assert charts[0] == sorted(tokens, reverse=True)
        assert len(seen["tables"][view.name]) == len(rows)
        for row, cells in zip(rows, seen["tables"][view.name], strict=True):
            assert not row["messages"] or f"{row['tokens']['total']:,}" in cells
        if view.name in ("overview", "timeline"):
            assert len(charts[1]) == 7 * 24
            assert sum(charts[1]) == 107_562


def test_the_week_has_its_tokens_at_their_hours(views: list[View], tmp_path: Path) -> None:
    """The store was written on Sunday, 2026-11-22, from 12:04 to 12:06 in Berlin."""
    fields = seen_in_browser(as_html(views), tmp_path, DESK)["charts"]["timeline"][1]
    assert [(number // 24, number % 24) for number, tokens in enumerate(fields) if tokens] == [(6, 12)]


def test_a_dark_system_gets_a_dark_page(views: list[View], tmp_path: Path) -> None:
    page = as_html([replace(views[0], question=Question(range=named_range("all", NOW)))])
    light = seen_in_browser(page, tmp_path, DESK)
    dark = seen_in_browser(page, tmp_path, DESK, "--blink-settings=preferredColorScheme=0")
    assert light["paper"] == "rgb(255, 255, 255)"
    assert dark["paper"] == "rgb(13, 17, 23)"
    assert light["ink"] != dark["ink"]

"""The live screen without a terminal: keys go in through Textual's pilot, what is seen comes out as text."""

from __future__ import annotations

import asyncio
import html
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import count
from pathlib import Path

from rich.cells import set_cell_size
from textual.app import App
from textual.pilot import Pilot

from otel_agent.summary.live.app import Live
from otel_agent.summary.live.source import Ask, Source
from otel_agent.summary.question import Question, RangeName
from otel_agent.summary.ranges import named_range
from otel_agent.summary.view import View, ViewName

Screen = Pilot[None]
LETTER_WIDTH = 12.2
"""Width of a letter in the pictures that Textual makes."""


def asking(now: Callable[[], datetime]) -> Ask:
    """Ask what the command line asks without options."""
    own: dict[ViewName, RangeName] = {"overview": "today", "timeline": "week"}

    def ask(name: ViewName, chosen: RangeName | None = None) -> Question:
        return Question(range=named_range(chosen or own.get(name, "all"), now()))

    return ask


def drive(
    source: Source,
    ask: Ask,
    steps: Callable[[Screen, Live], Awaitable[None]],
    view: ViewName = "overview",
    size: tuple[int, int] = (100, 30),
    folder: Path | None = None,
    first: View | None = None,
) -> Live:
    """Run the screen, and take the steps once its first answer is there. What is chosen is kept in `folder`.

    `first` is an answer that was there before.
    """
    app = Live(source, ask, view, folder, first=first)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settled(pilot, app)
            await steps(pilot, app)

    asyncio.run(run())
    return app


async def settled(pilot: Screen, app: Live) -> None:
    """Wait until every question is answered and everything is drawn."""
    for _ in count():
        await pilot.pause()
        under_way = [worker for worker in app.workers if worker.group == "answer" and not worker.is_finished]
        if not under_way:
            break
        await app.workers.wait_for_complete(under_way)
    await pilot.pause()


async def press(pilot: Screen, app: Live, *keys: str) -> list[str]:
    """Press keys, and return the lines of the screen after the last one."""
    for key in keys:
        await pilot.press(key)
        await settled(pilot, app)
    return lines(app)


async def tick(pilot: Screen, app: Live) -> list[str]:
    """Do what happens again and again, without waiting for it."""
    app._look()
    await settled(pilot, app)
    return lines(app)


def lines(app: App[None]) -> list[str]:
    """Return the screen as a person reads it, line by line."""
    found: dict[int, str] = defaultdict(str)
    drawn = r'<text [^>]*? x="([\d.]+)"[^>]*-line-(\d+)\)"[^>]*>(.*?)</text>'
    for x, line, text in re.findall(drawn, app.export_screenshot()):
        before = set_cell_size(found[int(line)], round(float(x) / LETTER_WIDTH))
        found[int(line)] = before + html.unescape(text).replace("\xa0", " ")
    return [found[line].rstrip() for line in range(app.size.height)]


def seen(app: App[None]) -> str:
    return "\n".join(lines(app))


def said(app: App[None]) -> str:
    """Return what the screen says for some seconds, whether it is drawn already or not."""
    return "\n".join(each.message for each in app._notifications)

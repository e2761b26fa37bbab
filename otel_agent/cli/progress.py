"""A progress bar for the first import of a long history."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from otel_agent.model.plural import counted

if TYPE_CHECKING:
    from rich.progress import Progress

    from otel_agent.intake.calls_of_history import OnCalls
    from otel_agent.intake.ingest import Pass

_WORTH_SHOWING = 2_000
"""Files and rows; fewer are read before a bar would be noticed."""


@contextmanager
def shown() -> Iterator["Callable[[Pass], None] | None"]:
    """Show a progress bar; yield the function to report progress to, or ``None`` if standard error is no terminal.

    The bar appears once there is enough to read, and is gone at the end.
    """
    if not sys.stderr.isatty():
        yield None
        return
    bar = _bar()
    task = bar.add_task("", total=None, counted="")

    def report(read: "Pass") -> None:
        if read.done:
            bar.stop()
        elif read.looked_at and (read.found or read.looked_at) >= _WORTH_SHOWING:
            speed = bar.tasks[0].speed
            rate = f" ({speed:,.0f} per second)" if speed else ""
            # Files may appear while they are counted, so a pass can read more than it found at first.
            total = max(read.found, read.looked_at)
            # A first look counts what it has read every three seconds.
            messages = f" {counted(read.messages, 'message')} counted," if read.messages else ""
            shown = f"{read.looked_at:,}/{total:,} read{rate},{messages}"
            bar.update(task, completed=read.looked_at, total=total, counted=shown)
            bar.start()

    try:
        yield report
    finally:
        bar.stop()


@contextmanager
def calls_shown() -> Iterator["OnCalls | None"]:
    """Show how far the reading of the tool calls of the history is, as ``shown`` does for messages."""
    if not sys.stderr.isatty():
        yield None
        return
    bar = _bar("Reading the tool calls of the history")
    task = bar.add_task("", total=None, counted="")

    def report(done: int, total: int) -> None:
        if total >= _WORTH_SHOWING:
            bar.update(task, completed=done, total=total, counted=f"{done:,}/{counted(total, 'message')},")
            bar.start()

    try:
        yield report
    finally:
        bar.stop()


def _bar(what: str = "Reading what OpenCode stored") -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.fields[counted]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        transient=True,
    )

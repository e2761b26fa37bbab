"""How far the reading of a long history is, where a person waits for it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_agent.intake.ingest import Pass

_WORTH_SHOWING = 2_000
"""Files and rows; fewer are read before a bar would be seen."""


@contextmanager
def shown() -> Iterator["Callable[[Pass], None] | None"]:
    """What to tell of the progress; ``None`` where standard error is no terminal. The bar goes away at the end."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("Reading what OpenCode stored"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("", total=None, told="")

    def tell(read: "Pass") -> None:
        if read.done:
            bar.stop()
        elif read.looked_at and (read.found or read.looked_at) >= _WORTH_SHOWING:
            speed = bar.tasks[0].speed
            rate = f"{speed:,.0f} a second, " if speed else ""
            told = f"{rate}{read.messages:,} messages counted,"
            bar.update(task, completed=read.looked_at, total=max(read.found, read.looked_at), told=told)
            bar.start()

    try:
        yield tell
    finally:
        bar.stop()

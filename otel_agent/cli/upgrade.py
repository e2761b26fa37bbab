"""The progress of a ledger's upgrade to this version: lines of the log, and a bar if a person looks on."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from otel_agent.ledger.migration_progress import OnMigration

log = logging.getLogger(__name__)

_SILENT_SECONDS: Final = 0.5
"""An upgrade that is shorter gets no bar."""
_LOG_SECONDS: Final = 5.0
"""Time between two lines of the log that say how far it is."""


@contextmanager
def shown(now: Callable[[], float] = time.monotonic) -> Iterator["OnMigration"]:
    """Yield the function to report an upgrade to. The bar on standard error is gone at the end."""
    if not sys.stderr.isatty():
        yield _Log(now).tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("Upgrading the ledger"),
        BarColumn(),
        TaskProgressColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        transient=True,
    )
    task, lines, began = bar.add_task("", total=None), _Log(now), now()

    def tell(done: int, total: int) -> None:
        lines.tell(done, total)
        bar.update(task, completed=done, total=total)
        if done >= total:
            bar.stop()
        elif now() - began > _SILENT_SECONDS:
            bar.start()

    try:
        yield tell
    finally:
        bar.stop()


class _Log:
    """Logs the begin of an upgrade, how far it is every few seconds, and its end."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began: float | None = None
        self._said = 0.0

    def tell(self, done: int, total: int) -> None:
        """Take note of the state of the upgrade, and log it if it is time for that."""
        now = self._now()
        if self._began is None:
            self._began = self._said = now
            log.info("upgrading the ledger to this version of otel-agent")
        if done >= total:
            log.info("upgraded the ledger in %.1f s", now - self._began)
            self._began = None
        elif now - self._said >= _LOG_SECONDS:
            self._said = now
            log.info("upgrading the ledger: %d %%", 100 * done // total)

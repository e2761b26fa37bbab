"""Keeps the ledger up to date while a live screen is open and no agent runs.

The ledger is taken for moments only, so that an agent can start at any time. While nobody writes, nothing is read: the
file system's events say when to look (0.02 % of a core with 4,000 sessions, against 4 % without events).
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from otel_agent.errors import LedgerHeld
from otel_agent.intake.catch_up import Intake, catch_up
from otel_agent.intake.watch import Hints, Watch
from otel_agent.ledger.migration_progress import OnMigration, unreported
from otel_agent.opencode.locations import WatchedFolder, watched_folders
from otel_agent.settings import Settings

_REST: Final = 10
"""After a pass, pause this many times as long as it took: at most a tenth of a core, and only while OpenCode works."""
_UNWATCHED_REST: Final = 20
"""The same between two looks at everything if no event would report a change: at most 5 % of a core."""
_UNWATCHED_SECONDS: Final = 2.0
"""Shortest time between these looks; also the time until the next try while an agent runs or after an error."""
_WATCHED_SECONDS: Final = 30.0
"""Time between two looks at everything if events report changes: some get lost."""
_GATHER_SECONDS: Final = 0.2
"""Time between a hint and the pass: OpenCode writes a message in several steps."""
_AGAIN_SECONDS: Final = 1.0
"""Time until a second look at what was hinted at: the first files of a new folder may send no hint."""
_LOOKS: Final = 2


class Following:
    """Decides when to catch up. One thread calls ``step`` several times a second."""

    def __init__(
        self, settings: Settings, on_migration: OnMigration = unreported, now: Callable[[], float] = time.monotonic
    ) -> None:
        """``now`` returns seconds that never go back."""
        self._settings, self._on_migration, self._now = settings, on_migration, now
        self._watch: Watch | None = None
        self._folders: list[WatchedFolder] = []
        self._looks: dict[str, int] = {}
        """How often each path that was hinted at is still looked at."""
        self._next_hinted = 0.0
        self._next_everything = 0.0
        self._rest_until = 0.0

    def step(self) -> None:
        """Catch up if it is due; otherwise this costs next to nothing.

        Raises ``LedgerError`` if the ledger cannot be written.
        """
        now = self._now()
        self._take_hints(now)
        everything = now >= self._next_everything
        if now < self._rest_until or not (everything or (self._looks and now >= self._next_hinted)):
            return
        # An error must not be met again at once.
        self._rest_until = now + _UNWATCHED_SECONDS
        try:
            catch_up(
                self._settings,
                changed_paths=None if everything else frozenset(self._looks),
                on_migration=self._on_migration,
                then=self._note,
            )
        except LedgerHeld:
            self.close()  # an agent watches and reads
            return
        self._plan(self._now() - now, everything=everything)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._watch is not None:
            self._watch.close()
        self._watch = None
        self._looks.clear()
        self._next_everything = 0.0

    def _take_hints(self, now: float) -> None:
        hints = self._watch.take() if self._watch is not None else Hints()
        if hints.paths is None:
            self._next_everything = now
        elif hints.paths:
            self._next_hinted = min(self._next_hinted, now + _GATHER_SECONDS) if self._looks else now + _GATHER_SECONDS
            self._looks.update(dict.fromkeys(hints.paths, _LOOKS))

    def _note(self, parts: Intake) -> None:
        self._folders = watched_folders(parts.finder.locations, parts.ingest.stores)

    def _plan(self, took: float, *, everything: bool) -> None:
        """Watch what the pass found, and decide when the next pass is due."""
        self._looks = {path: left - 1 for path, left in self._looks.items() if left > 1}
        # The ledger is free by now: to watch 4,000 folders takes a quarter of a second.
        if self._watch is None:
            self._watch = Watch(threading.Event())
        added, now = self._watch.set_folders(self._folders), self._now()
        self._rest_until, self._next_hinted = now + _REST * took, now + _AGAIN_SECONDS
        if added:
            self._next_everything = now  # what was written before the new watch existed sent no hint
        elif everything:
            unwatched = max(_UNWATCHED_SECONDS, _UNWATCHED_REST * took)
            self._next_everything = now + (_WATCHED_SECONDS if self._watch.is_complete else unwatched)

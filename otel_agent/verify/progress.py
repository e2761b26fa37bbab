"""Says whether the agent can have read a record: a record that it has not read yet is no mistake."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from otel_agent.ledger.evidence import LedgerFacts
from otel_agent.opencode.bounded_files import in_words
from otel_agent.opencode.json_tree.folder import was_read
from otel_agent.opencode.sqlite.cursor import Cursor
from otel_agent.verify.amounts import Cause
from otel_agent.verify.recount.record import TREE
from otel_agent.verify.scratch import Scratch

SOON_MS: Final = 60_000
"""A running agent reads what changed within two seconds, and within half a minute if nothing can be watched."""

_SLACK_MS: Final = 2_000
"""A run reads before it exports, and then writes to the ledger what was accepted."""


class Progress:
    """The agent's progress, by its checkpoints."""

    def __init__(
        self,
        checkpoint: Callable[[str], bytes | None],
        facts: LedgerFacts,
        *,
        running: bool,
        catching_up: bool,
        now_ms: int,
        written_ms: int,
    ) -> None:
        """``checkpoint`` returns what a reader left. ``catching_up`` says that the agent is reading a backlog now.

        ``written_ms`` is when the ledger was last written.
        """
        self._checkpoint = checkpoint
        self._running, self._behind = running, catching_up or not facts.swept_ms
        self._now_ms, self._written_ms = now_ms, written_ms

    @property
    def newer_than_ms(self) -> int:
        """The time after which a store may have been written without having been read."""
        if self._behind:
            return 0
        return self._now_ms - SOON_MS if self._running else self._written_ms - _SLACK_MS

    def note_unread(self, scratch: Scratch) -> None:
        """Rename the differences of records that nobody has read as they are now: they are missing, or were rewritten."""
        query = (
            "SELECT d.rowid, r.form, r.store, r.place, r.id, max(r.written_ms) FROM difference AS d "
            f"JOIN record AS r ON r.id = d.id WHERE d.cause IN ('{Cause.MISSING}', '{Cause.NUMBERS}') AND r.completed_ms IS NOT NULL GROUP BY d.rowid"
        )
        unread = [(rowid,) for rowid, *record in scratch.database.execute(query).fetchall() if self._is_unread(*record)]
        scratch.database.executemany(f"UPDATE difference SET cause = '{Cause.UNREAD}' WHERE rowid = ?", unread)

    def _is_unread(self, form: str, store: str, place: str, message_id: str, written_ms: int) -> bool:
        if self._behind:
            return True
        if self._running:
            return self._now_ms - written_ms < SOON_MS
        if form == TREE:
            return self._is_unread_file(Path(place))
        return self._is_unread_row(form, store, place, message_id, written_ms)

    def _is_unread_file(self, file: Path) -> bool:
        state = self._checkpoint(f"tree:{in_words(file.parent)}")
        try:
            return state is None or not was_read(state, file.stat())
        except OSError:
            return True

    def _is_unread_row(self, form: str, store: str, rowid: str, message_id: str, written_ms: int) -> bool:
        state = self._checkpoint(f"{form}:{store}")
        if state is None:
            return True
        cursor = msgspec.json.decode(state, type=Cursor)
        with suppress(OSError):
            if Path(store).stat().st_ino != cursor.inode:
                return True  # another file than the one that was read
        return int(rowid) > cursor.rowid or message_id in cursor.in_flight or written_ms > cursor.updated_ms

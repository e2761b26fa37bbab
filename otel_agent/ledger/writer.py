"""The ledger's one writer: a connection, its transactions, and the facts about the ledger itself."""

import logging
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from otel_agent.errors import LedgerDamaged, LedgerError, LedgerMoved
from otel_agent.ledger import checkpoints, schema, soundness, wrong_clock
from otel_agent.ledger.accepted_by import AcceptedBy
from otel_agent.ledger.calls_agree import BEFORE
from otel_agent.ledger.changed_lines import FROM, ChangedLines
from otel_agent.ledger.contexts import Contexts
from otel_agent.ledger.continuity import Continuity
from otel_agent.ledger.delivery_state import DeliveryState
from otel_agent.ledger.facts import Facts
from otel_agent.ledger.guard import Guard
from otel_agent.ledger.history import HistoryNotes
from otel_agent.ledger.hold import Hold
from otel_agent.ledger.kept_calls import KeptCalls
from otel_agent.ledger.kept_sums import KeptSums
from otel_agent.ledger.known_sessions import Sessions
from otel_agent.ledger.loops import Loops
from otel_agent.ledger.messages import Messages
from otel_agent.ledger.notices import Notices
from otel_agent.ledger.open_ends import has_open_ends, has_turns_without_caller
from otel_agent.ledger.outbox import NewSpans, Outbox
from otel_agent.ledger.problems import Problems
from otel_agent.ledger.queries import Queries
from otel_agent.ledger.sent_points import SentPoints
from otel_agent.ledger.store_counts import StoreCounts
from otel_agent.ledger.totals import Totals
from otel_agent.ledger.turns import Turns
from otel_agent.ledger.unattributed import Unattributed
from otel_agent.ledger.waiting import Waiting
from otel_agent.model import Checkpoint

log = logging.getLogger(__name__)

_CALLS_BEFORE_MS: Final = 86_400_000
"""Tool calls are counted from this long before the ledger began: the parts of a whole history are tens of gigabytes."""


class Ledger:
    """The ledger, open for writing. One thread of one process owns it at a time.

    Whatever belongs together is written inside one ``transaction``: a process killed at any moment leaves either all
    of it or none.
    """

    def __init__(self, hold: Hold, database: sqlite3.Connection, path: Path) -> None:
        self._hold, self._database = hold, database
        self._guard, self._sent, self._facts = Guard(path, database), SentPoints(path.parent), Facts(database)
        self.outbox = Outbox(database)
        self.sessions = Sessions(database)
        contexts = Contexts(database)
        sums = KeptSums(database, contexts)
        self.messages = Messages(database, self.sessions, self.outbox, contexts, sums)
        self.waiting = Waiting(database, self.messages)
        self.totals = Totals(database)
        self.accepted_by = AcceptedBy(database, self._facts)
        self._continuity = Continuity(database, self._facts, self._sent, self._guard, self.totals)
        self.problems = Problems(database)
        self.history = HistoryNotes(database)
        self.notices = Notices(self._facts)
        self.queries = Queries(database, schema.VERSION)
        self.store_counts = StoreCounts(database)
        self.delivery_state = DeliveryState(database)
        self.turns = Turns(database, lambda: self.outbox.new_spans is NewSpans.PENDING)
        self.kept_calls = KeptCalls(database, self._facts)
        self.changed_lines = ChangedLines(database, self._facts)
        self.loops = Loops(database, path.parent)
        self.unattributed = Unattributed(database, self.messages, contexts, sums)

    @property
    def id(self) -> str:
        """The id of the ledger itself, made when it began."""
        return self._facts.require("ledger_id")

    @property
    def instance_id(self) -> str:
        """The id under which the totals are exported."""
        return self._facts.require("instance_id")

    @property
    def backfill_from_ms(self) -> int:
        """Messages that ended before this are entered, not counted. Fixed at the ledger's first start."""
        return self._facts.number("backfill_from_ms")

    @property
    def calls_from_ms(self) -> int:
        """Tool calls of messages that ended before this are neither read nor counted. Fixed at the first start too."""
        return self._facts.number("calls_from_ms")

    @property
    def changes(self) -> int:
        """Rows written since the ledger was opened: if the number is the same as before, nothing was written."""
        return self._database.total_changes

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything inside, or nothing if it raises.

        What it notes about points that are sent is on the disk, and in the second record, when it returns.
        """
        self._guard.check()
        self.totals.noted.clear()
        try:
            self.messages.begin()
            self._database.execute("BEGIN IMMEDIATE")
            yield
            self.messages.finish()
            self._continuity.count_change()
            self._database.execute("COMMIT")
            self._continuity.after_commit()
        except BaseException as error:
            # A full disk has rolled the transaction back already.
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            self.messages.forget()
            self.kept_calls.forget()
            if isinstance(error, LedgerError):
                self._hold.note_trouble(str(error), self.messages.batch or None)
            raise
        self._hold.note_written(everything=False)

    def check_in_place(self) -> None:
        """Return if the open file is still the one at the ledger's path. Raises as ``Guard.check`` does."""
        try:
            self._guard.check()
        except LedgerMoved:
            raise
        except LedgerError as error:
            self._hold.note_trouble(str(error))
            raise

    def prove_writable(self) -> None:
        """Write a row as it is. Raises ``LedgerError`` if nothing can be written, as on a full disk."""
        with self.transaction():
            self._database.execute("UPDATE meta SET value = value WHERE key = 'ledger_id'")

    def note_all_read(self) -> None:
        """Note that a pass looked at everything and wrote all that it found: nothing waits any more."""
        self._hold.note_written(everything=True)

    def blame(self, error: BaseException) -> None:
        """Raise ``LedgerDamaged`` if an error came from content of the ledger that no version wrote.

        If another program wrote into the file, raise ``LedgerMoved``: it can be opened again.
        """
        if isinstance(error, LedgerDamaged):
            self._guard.check()
        soundness.blame(self._database, error)

    def recall(self, place: str) -> bytes | None:
        """Return the state that a reader left at a place, ``None`` if the place was never read."""
        return checkpoints.recall(self._database, place)

    def may_recall(self, store: str) -> bool:
        """Return False if no reader left a state at any place of this store, and that costs little to know."""
        return self.swept_ms != 0 or checkpoints.has_any_of(self._database, store)

    def remember(self, states: list[Checkpoint]) -> None:
        """Replace the readers' states at these places. Runs inside the transaction that holds what was read."""
        checkpoints.remember(self._database, states)

    def adopt(self, instance_id: str) -> None:
        """Export the totals under this instance id from now on.

        A ledger may have been copied from another machine, which goes on exporting the same totals: exported here too,
        they would be doubled. So a new identity starts from zero, and no message counts again.
        """
        known = self._facts.find("instance_id")
        if known == instance_id:
            return
        with self.transaction():
            if known is not None:
                log.warning("this ledger comes from another machine: its totals start from zero here")
                # Messages up to the epoch stay counted for ever; a session's series here begin after it.
                self.totals.clear()
                self.sessions.forget_tracked()
                self._facts.note("epoch_message", self.messages.last_number())
                self._facts.forget(BEFORE)
            self._facts.note("instance_id", instance_id)
        self._continuity.write_again()

    def has_open_ends(self) -> bool:
        """Return True if anything waits to be decided, or could not be read."""
        return has_open_ends(self._database) or has_turns_without_caller(self._database)

    @property
    def epoch_message(self) -> int:
        """Messages up to this number belong to another identity's totals."""
        return self._facts.number("epoch_message")

    @property
    def swept_ms(self) -> int:
        """Time of the last noted sweep; 0 for never."""
        return self._facts.number("swept_ms")

    def note_sweep(self, now_ms: int) -> None:
        """Note the time of a sweep. Runs inside a transaction."""
        self._facts.note("swept_ms", now_ms)
        self.totals.end_history()
        # Everything was read: what is still missing of the backend's totals, OpenCode does not have any more.
        self._continuity.end_recovery()

    def put_times_right(self, *, now_ns: int, backfill_from_ms: int) -> None:
        """Replace what a wrong clock wrote: negative times, and those that are in the future now."""
        with self.transaction():
            wrong_clock.put_right(self._database, now_ns=now_ns, backfill_from_ms=backfill_from_ms)

    def size_bytes(self) -> int:
        """Return the size on disk, with the write-ahead log."""
        name = str(self._database.execute("SELECT file FROM pragma_database_list WHERE name = 'main'").fetchone()[0])
        return sum(each.stat().st_size for each in (Path(name), Path(f"{name}-wal")) if each.exists())

    def close(self) -> None:
        """Close the file and let other processes have the ledger."""
        self.close_files()
        self._hold.release()

    def close_files(self) -> None:
        """Close the files, and keep the right to write them."""
        self._database.close()
        self._sent.close()

    def begin(self, now_ns: int, backfill_from_ms: int) -> None:
        """Note the facts that hold for the ledger's whole life; a ledger that has them keeps its own.

        A new ledger beside the record of what was sent by one before it continues that one's life. A ledger from before
        tool calls or lines were counted counts them from now on: the messages that it knows are not read again.
        """
        is_new = self._facts.find("ledger_id") is None
        with self.transaction():
            if is_new or self._facts.find("calls_from_ms") is None:
                now_ms = now_ns // 1_000_000
                self._facts.note("calls_from_ms", now_ms - (_CALLS_BEFORE_MS if is_new else 0))
            if self._facts.find(FROM) is None:
                self._facts.note(FROM, backfill_from_ms if is_new else now_ns // 1_000_000)
            if is_new:
                self._facts.note("ledger_id", uuid.uuid4())
                self._facts.note("created_ns", now_ns)
                self._facts.note("backfill_from_ms", backfill_from_ms)
                for key, value in self._continuity.facts_of_lost_ledger().items():
                    self._facts.note(key, value)
            differs = self._continuity.agree()
        # A ledger that loses its write-ahead log must not lose its identity: all of it would count twice.
        if differs or is_new:
            self._continuity.write_again()

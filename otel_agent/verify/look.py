"""One look at stores and ledger, while both may be written."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from msgspec import Struct

from otel_agent.errors import NothingToVerify
from otel_agent.ledger.evidence import LedgerFacts, Published
from otel_agent.ledger.hold import held_by
from otel_agent.ledger.place import ledger_path
from otel_agent.ledger.queries import Queries, open_to_read
from otel_agent.ledger.reading import Reading
from otel_agent.model import Problem, Store
from otel_agent.opencode.answering import NoAnswer, answer_of
from otel_agent.settings import Settings
from otel_agent.verify import published
from otel_agent.verify.amounts import Cause
from otel_agent.verify.differences import find_differences
from otel_agent.verify.own_totals import OwnTotals, Rules, check_own_totals
from otel_agent.verify.progress import Progress
from otel_agent.verify.recount.database import read_database
from otel_agent.verify.recount.record import Found, Trouble
from otel_agent.verify.recount.tree import read_tree
from otel_agent.verify.scratch import Scratch


class LedgerSeen(Struct, frozen=True):
    """The ledger beside its messages, at the moment of the look."""

    facts: LedgerFacts
    series: list[Published]
    kept: list[Published]
    """By how much totals were raised to what the backend has."""
    problems: list[Problem]
    spans_pending: int
    failing: str
    """The reason why totals are not accepted at present; empty if they are."""
    rejected: int
    """Data points that the backend left out of requests that it accepted."""
    reading: Reading | None
    """How far the reading of history is; ``None`` if it has ended."""


class Looked(Struct):
    """The result of one look: the differences are in ``scratch``."""

    scratch: Scratch
    ledger: LedgerSeen
    own: OwnTotals
    running: bool


def look(
    settings: Settings,
    stores: Iterable[tuple[str, Store]],
    unreadable: Iterable[Problem],
    scratch: Scratch,
    *,
    catching_up: bool,
    now_ms: int,
    on_record: Callable[[], None],
) -> Looked:
    """Recount all stores and compare with the ledger. ``unreadable`` are the folders that may not even be listed.

    The ledger is asked for its last message first, then the stores are read, then the ledger is. So a message that is
    complete meanwhile is in both, or only in the ledger and newer than its last message was.
    Raises ``LedgerError``, and ``NothingToVerify`` if there is no ledger.
    """
    last_number = _last_number(settings)
    scratch.put_found((Trouble(each.place, "", each.detail) for each in unreadable), on_record)
    for path, store in stores:
        scratch.put_found(_recounted(Path(path), store), on_record)
    running = held_by(settings.state_dir) is not None
    written_ms = _written_ms(settings.state_dir)
    with open_to_read(settings.state_dir) as ledger:
        if ledger is None:
            raise nothing_counted(settings)
        with ledger.moment():
            seen = _seen(ledger)
            scratch.put_entries(ledger.evidence().rows())
            _note_sums(scratch, ledger.evidence().differing_sums())
        progress = Progress(
            ledger.checkpoint,
            seen.facts,
            running=running,
            catching_up=catching_up,
            now_ms=now_ms,
            written_ms=written_ms,
        )
        own = _compare(scratch, seen, progress, last_number, switched_off=not settings.unattributed_usage)
    return Looked(scratch, seen, own, running)


def _recounted(path: Path, store: Store) -> Iterator[Found]:
    """Yield what a store holds. One that hangs, like a mount whose server is gone, is a trouble after a while."""
    try:
        with suppress(OSError):  # the recount says what is in the way
            answer_of(store.name, partial(_open, path))
    except NoAnswer as failure:
        return iter([Trouble(store.name, "", f"it does not answer, {failure.problem.detail}")])
    return read_tree(path, store.name) if store.is_tree else read_database(path, store.name)


def _open(path: Path) -> None:
    if path.is_dir():
        with os.scandir(path) as entries:
            next(entries, None)
    else:
        # Closing it drops the locks of every connection that this process has to it; there is none yet.
        with path.open("rb", buffering=0) as file:
            file.read(1)


def _compare(
    scratch: Scratch, seen: LedgerSeen, progress: Progress, last_number: int, *, switched_off: bool
) -> OwnTotals:
    """Find every difference between what was recounted and what the ledger has."""
    scratch.put_unreadable(map(_message_of, seen.problems))
    scratch.join()
    find_differences(scratch, seen.facts, last_number=last_number)
    progress.note_unread(scratch)
    own = check_own_totals(scratch, Rules(last_number, switched_off, progress.newer_than_ms))
    _note_troubles(scratch)
    return own


def nothing_counted(settings: Settings) -> NothingToVerify:
    """Return the error for a machine on which nothing was ever counted."""
    return NothingToVerify(
        f"there is no ledger in {settings.state_dir}, so nothing can be compared. `otel-agent run` or `otel-agent summary` "
        "counts what OpenCode has stored."
    )


def _last_number(settings: Settings) -> int:
    with open_to_read(settings.state_dir) as ledger:
        if ledger is None:
            raise nothing_counted(settings)
        return ledger.evidence().last_number()


def _seen(ledger: Queries) -> LedgerSeen:
    evidence = ledger.evidence()
    metrics = [each for each in ledger.deliveries() if each.signal == "metrics"]
    reasons = [each.reason for each in metrics if each.failing_ms is not None]
    return LedgerSeen(
        evidence.facts(),
        evidence.published(published.METRICS),
        [each for each in evidence.kept() if each.metric in published.METRICS],
        evidence.problems(),
        ledger.pending(),
        reasons[0] if reasons else "",
        sum(each.rejected for each in metrics),
        ledger.reading(),
    )


def _message_of(problem: Problem) -> str:
    """Return the id of the message that a problem is about: the end of ``database#id``, or the name of a file."""
    before, separator, last = problem.place.rpartition("#")
    return last if separator and before else Path(problem.place).stem


def _note_troubles(scratch: Scratch) -> None:
    """Add what could not be recounted."""
    for found, message_id, what in scratch.database.execute("SELECT place, id, what FROM trouble").fetchall():
        if message_id:
            query = "SELECT 1 FROM call WHERE id = ? UNION ALL SELECT 1 FROM entry WHERE id = ?"
            if scratch.database.execute(query, (message_id, message_id)).fetchone():
                continue
            cause, messages = Cause.UNREADABLE, 1
        else:
            # A folder or a table may hold any number of messages.
            cause, messages = Cause.UNSEEN, 0
        row = (cause, 0, f"{found} ({what})", "", None, "", "", messages, 0, 0, 0, 0, 0, 0)
        scratch.add_differences([row])


def _note_sums(scratch: Scratch, differing: Mapping[str, int]) -> None:
    """Add the sums from which summaries are made, if they are not those of the messages."""
    for table, number in differing.items():
        row = (Cause.SUMS, 0, f"{table}, {number:,}", "", None, "", "", 0, 0, 0, 0, 0, 0, 0)
        scratch.add_differences([row])


def _written_ms(state_dir: Path) -> int:
    """Return when the ledger was last written. A reader leaves an empty write-ahead log behind, which says nothing."""
    path = ledger_path(state_dir)
    found = [file.stat() for file in (path, Path(f"{path}-wal")) if file.exists()]
    return max((status.st_mtime_ns // 1_000_000 for status in found if status.st_size), default=0)

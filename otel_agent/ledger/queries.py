"""Read-only queries beside the ledger's writer: plain numbers for reports (see ``answers``)."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from otel_agent.errors import LedgerDamaged, LedgerError, LedgerNewer
from otel_agent.ledger import checkpoints, place, records, schema, soundness
from otel_agent.ledger.answers import (
    SLOT_MS,
    Amount,
    CountedMessage,
    Group,
    KnownCalls,
    ModelUsage,
    Period,
    ProjectKey,
    Scope,
    SessionAmount,
    SessionFacts,
    ToolUse,
    Usage,
)
from otel_agent.ledger.connection import connect_to_read
from otel_agent.ledger.delivery_state import SignalDelivery, deliveries
from otel_agent.ledger.evidence import Evidence
from otel_agent.ledger.history import reading
from otel_agent.ledger.loops import Loop, loops_between
from otel_agent.ledger.outbox import Outbox
from otel_agent.ledger.place import ledger_path
from otel_agent.ledger.problems import ProblemSummary, problem_summaries
from otel_agent.ledger.reading import Reading
from otel_agent.ledger.session_calls import MessageOfSession, messages_of
from otel_agent.ledger.store_counts import StoreCount, messages_by_store, store_counts
from otel_agent.ledger.tool_usage import ToolUsage
from otel_agent.ledger.unreadable_stores import UnreadableStore, unreadable_stores
from otel_agent.ledger.usage_by_model import UsageByModel
from otel_agent.ledger.usage_of_messages import UsageOfMessages
from otel_agent.ledger.usage_of_sums import UsageOfSums, is_of_sessions, is_of_slots, is_unrestricted


@contextmanager
def open_to_read(state_dir: Path) -> Iterator["Queries | None"]:
    """Open the ledger in ``state_dir`` to read it; yield ``None`` if there is none yet.

    Raises ``LedgerNewer`` and ``LedgerDamaged``.
    """
    path = ledger_path(state_dir)
    if not place.exists(path):
        yield None
        return
    try:
        with closing(connect_to_read(path)) as database:
            found = schema.version(database)
            if found > schema.VERSION:
                raise LedgerNewer(f"{path} was written by a newer otel-agent. Upgrade this one to read it.")
            if found == schema.VERSION and (trouble := soundness.unsound_row(database, small_tables=True)):
                raise LedgerDamaged(trouble)
            if not schema.belongs_to_us(database):
                raise LedgerDamaged("it is a database, but not a ledger")
            try:
                # Another process is just about to create the tables.
                yield None if found == 0 else Queries(database, found)
            except Exception as error:
                soundness.blame(database, error)
                raise
    except LedgerDamaged as damage:
        raise LedgerDamaged(
            f"cannot read the ledger {path}: {damage}. `otel-agent run` sets it aside and counts again."
        ) from None


class Queries:
    """The questions of reports. Each answer shows one moment; inside ``moment`` several answers show the same one.

    A ledger of an older version, whose agent still runs, answers with nothing what it does not know.
    """

    def __init__(self, database: sqlite3.Connection, version: int) -> None:
        self._database, self._version = database, version
        self._of_messages = UsageOfMessages(database, version)
        self._of_sums = UsageOfSums(database)
        self._of_tools = ToolUsage(database, self._of_messages)
        self._by_model = UsageByModel(database, self._of_messages)

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Give several answers of the same moment, so that rows add up to their total while the agent writes.

        Keep it short: while a reader is at it, the write-ahead log cannot be truncated.
        """
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            self._database.execute("ROLLBACK")

    def usage(self, scope: Scope) -> Usage:
        """Return the sum over all messages in the scope; a session counts once."""
        return self._answering(is_of_slots(scope)).usage(scope)

    def unattributed(self, scope: Scope) -> Usage:
        """Return the part of ``usage`` that belongs to no message."""
        return self._answering(is_of_slots(scope)).unattributed(scope)

    def by_model(self, scope: Scope) -> list[Group]:
        """Group by (provider, model). Usage of no message has the model ``UNATTRIBUTED``."""
        return self._grouped("model", scope)

    def by_agent(self, scope: Scope) -> list[Group]:
        """Group by (agent,). Usage of no message has the agent ``UNATTRIBUTED``."""
        return self._grouped("agent", scope)

    def by_project(self, scope: Scope, *, separate_global: bool) -> list[Group]:
        """Group by (worktree,), which is empty outside any project.

        ``separate_global`` groups by (worktree, directory); the directory is empty inside a project.
        """
        return self._grouped("place" if separate_global else "project", scope)

    def by_session(self, scope: Scope) -> list[Group]:
        """Group by (session id, worktree, directory).

        A session belongs to a project if any of its messages does: its folder became a repository in between.
        """
        return self._answering(is_of_slots(scope) or is_of_sessions(scope)).by_session(scope)

    def session_amounts(self, scope: Scope, amount: Amount) -> list[SessionAmount] | None:
        """Return one number of each session; ``None`` if only all of its messages tell it."""
        kept = is_unrestricted(scope) or is_of_slots(scope)
        return self._of_sums.amounts(scope, amount) if kept and self._version >= schema.WITH_SUMS else None

    def models_of(self, kind: str, scope: Scope) -> Iterator[ModelUsage]:
        """Yield the usage of each ``agent``, ``project``, ``place`` or ``session`` by model."""
        kept = is_of_slots(scope) if kind == "session" else is_unrestricted(scope)
        if not kept or self._version < schema.WITH_SUMS:
            return self._of_messages.by_model_of(kind, scope)
        return self._by_model.of_sessions(scope) if kind == "session" else self._by_model.of_contexts(kind)

    def models_by_period(self, scope: Scope, periods: Sequence[Period]) -> Iterator[ModelUsage]:
        """Yield the usage of each period by model."""
        if _are_of_slots(scope, periods) and self._version >= schema.WITH_SUMS:
            return self._by_model.of_periods(scope, periods)
        return self._of_messages.by_model_and_period(scope, periods)

    def by_period(self, scope: Scope, periods: Sequence[Period]) -> dict[int, Usage]:
        """Return the usage of each period that has any, by its begin; a session counts once in each."""
        return self._answering(_are_of_slots(scope, periods)).by_period(scope, periods)

    def messages(self, scope: Scope, *, latest: int | None) -> Iterator[CountedMessage]:
        """Yield the messages in the order in which they ended; if ``latest`` is a number, only so many of the last."""
        return self._of_messages.messages(scope, latest)

    def by_slot(self, scope: Scope) -> dict[int, Usage]:
        """Return the usage of each quarter of an hour that has any, by its begin in milliseconds."""
        return self._answering(is_of_slots(scope)).by_slot(scope)

    @property
    def keeps_calls(self) -> bool:
        """True if the agent that writes this ledger keeps tool calls."""
        return self._version >= schema.WITH_CALLS

    def tools(self) -> list[str]:
        """Return the names of all tools that were ever called."""
        return self._of_tools.tools() if self.keeps_calls else []

    def by_tool(self, scope: Scope, groups: Mapping[str, str]) -> list[ToolUse]:
        """Return the calls by the group that ``groups`` gives each tool; tools without one are left out."""
        return self._of_tools.grouped(scope, groups) if self.keeps_calls and groups else []

    def known_calls(self, scope: Scope) -> KnownCalls:
        """Return of how many messages in the scope the tool calls are known."""
        if self.keeps_calls:
            return self._of_tools.known(scope)
        return KnownCalls(not_read=self.usage(scope).messages)

    def loops(self, scope: Scope) -> list[Loop]:
        """Return the loops that went on in the time of the scope, the latest first; its filters are left to the caller."""
        if not self.keeps_calls:
            return []
        return loops_between(self._database, scope.since_ms, scope.until_ms)

    def first_and_last_ms(self, scope: Scope) -> tuple[int, int] | None:
        """Return when the first and the last message of the scope ended, ``None`` if there is none."""
        return self._answering(is_of_slots(scope)).first_and_last_ms(scope)

    def newest_ms(self) -> int | None:
        """Return when the newest counted message ended, ``None`` if nothing was counted."""
        return records.newest_ms(self._database)

    def pending(self) -> int:
        """Return how many spans the backend has not accepted yet."""
        return len(Outbox(self._database)) if self._version >= schema.WITH_DELIVERY else 0

    def quarantined(self) -> int:
        """Return how many of the pending spans the backend rejected alone: the next start tries them again."""
        return Outbox(self._database).quarantined if self._version >= schema.WITH_DELIVERY else 0

    def series(self) -> int:
        """Return how many series there are, over all metrics."""
        return int(self._database.execute("SELECT count(*) FROM series").fetchone()[0])

    def counted_mark(self) -> tuple[int, ...]:
        """Return numbers that differ once anything more is counted. The ledger has the version of today."""
        return self._of_sums.mark()

    def store_counts(self) -> list[StoreCount]:
        """Return how many messages were counted from each store in each of its formats."""
        return store_counts(self._database) if self._version >= schema.WITH_DELIVERY else []

    def messages_by_store(self) -> dict[str, int]:
        """Return how many messages were counted from each store, of all formats together."""
        return messages_by_store(self._database) if self._version >= schema.WITH_DELIVERY else {}

    def deliveries(self) -> list[SignalDelivery]:
        """Return how the delivery of each signal is doing."""
        return deliveries(self._database) if self._version >= schema.WITH_DELIVERY else []

    def checkpoint(self, place: str) -> bytes | None:
        """Return the state that was left at a place, see ``model.Checkpoint``."""
        return checkpoints.recall(self._database, place)

    def evidence(self) -> Evidence:
        """Return what a proof of count needs. Raises ``LedgerError`` for a ledger of an older version."""
        self._refuse_older()
        return Evidence(self._database)

    def session(self, session_id: str) -> list[MessageOfSession]:
        """Return the counted messages of a session with their tool calls. Raises as ``evidence`` does."""
        self._refuse_older()
        return messages_of(self._database, session_id)

    def project_keys(self) -> list[ProjectKey]:
        """Return every pair of worktree and directory that a counted message names."""
        if self._version < schema.WITH_SUMS:
            query = f"SELECT DISTINCT worktree, directory FROM message WHERE {records.IS_COUNTED}"
        else:
            query = "SELECT DISTINCT worktree, directory FROM context WHERE first_ms IS NOT NULL"
        return [ProjectKey(*row) for row in self._database.execute(query)]

    def session_facts(self, ids: Iterable[str] | None = None) -> dict[str, SessionFacts]:
        """Return the facts of every session by its id; with ``ids``, of these sessions and of all above them."""
        query, parameters = "SELECT id, parent_id, title FROM session", tuple[str, ...]()
        if ids is not None:
            # UNION drops what was met before, so a circle of a damaged store ends too.
            query = (
                "WITH RECURSIVE up (id) AS (SELECT value FROM json_each(?) UNION "
                "SELECT s.parent_id FROM up JOIN session AS s ON s.id = up.id WHERE s.parent_id <> '') "
                f"{query} WHERE id IN (SELECT id FROM up)"
            )
            parameters = (records.ids(list(ids)),)
        rows = self._database.execute(query, parameters)
        return {row[0]: SessionFacts(row[1], row[2]) for row in rows}

    def problems(self) -> list[ProblemSummary]:
        """Return what cannot be read of OpenCode's storage now, the most frequent kind first."""
        return problem_summaries(self._database) if self._version >= schema.WITH_PROBLEMS else []

    def unreadable_stores(self) -> list[UnreadableStore]:
        """Return the stores that cannot be read now, and the places that nobody can look into."""
        return unreadable_stores(self._database) if self._version >= schema.WITH_DELIVERY else []

    def reading(self) -> Reading | None:
        """Return how far the reading of history is; ``None`` if it has ended, so that totals are complete."""
        return reading(self._database, self._version)

    def versions(self) -> list[str]:
        """Return the releases of OpenCode that created the sessions."""
        return [row[0] for row in self._database.execute("SELECT DISTINCT version FROM session")]

    def _refuse_older(self) -> None:
        if self._version < schema.VERSION:
            raise LedgerError(
                "an older otel-agent wrote this ledger. `otel-agent run` or `otel-agent summary` brings it up to date."
            )

    def _answering(self, by_sums: bool) -> UsageOfSums | UsageOfMessages:
        """Return the kept sums if they can answer. A ledger of an older version has none."""
        return self._of_sums if by_sums and self._version >= schema.WITH_SUMS else self._of_messages

    def _grouped(self, kind: str, scope: Scope) -> list[Group]:
        if is_unrestricted(scope) and self._version >= schema.WITH_SUMS:
            return self._of_sums.grouped(kind)
        return self._of_messages.grouped(kind, scope)


def _are_of_slots(scope: Scope, periods: Sequence[Period]) -> bool:
    """Return True if kept sums of slots can answer for these periods."""
    whole = all(bound % SLOT_MS == 0 for period in periods for bound in period)
    return whole and is_of_slots(scope)

"""Read-only queries beside the ledger's writer: plain numbers for reports (see ``answers``)."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from otel_agent.errors import LedgerDamaged, LedgerError, LedgerNewer
from otel_agent.ledger import checkpoints, records, schema
from otel_agent.ledger.answers import NO_USAGE, SLOT_MS, UNATTRIBUTED, Group, ProjectKey, Scope, SessionFacts, Usage
from otel_agent.ledger.delivery_state import SignalDelivery, deliveries
from otel_agent.ledger.evidence import Evidence
from otel_agent.ledger.files import connect_to_read, ledger_path
from otel_agent.ledger.outbox import Outbox
from otel_agent.ledger.problems import ProblemSummary, problem_summaries
from otel_agent.ledger.reading import Reading, reading
from otel_agent.ledger.store_counts import StoreCount, store_counts
from otel_agent.model import Overlap, Tokens, UsageSource
from otel_agent.model.project import OUTSIDE_ANY

_COUNTED: Final = f"m.{records.IS_COUNTED}"
_ENDED: Final = records.ended("m")
_OUTSIDE_ANY: Final = f"m.worktree IN ({', '.join(repr(worktree) for worktree in OUTSIDE_ANY)})"
_TOKENS: Final = ", ".join(
    f"ifnull(sum(m.{column}), 0)"
    for column in (
        *("input", "output", "reasoning", "cache_read", "cache_write"),
        *("cached_in_input", "reasoning_in_output", "cost_nusd"),
    )
)
_UNATTRIBUTED: Final = f"m.source = {UsageSource.UNATTRIBUTED:d}"
_TIMES: Final = f"min({_ENDED}), max({_ENDED})"


@contextmanager
def open_to_read(state_dir: Path) -> Iterator["Queries | None"]:
    """Open the ledger in ``state_dir`` to read it; yield ``None`` if there is none yet.

    Raises ``LedgerNewer`` and ``LedgerDamaged``.
    """
    path = ledger_path(state_dir)
    if not path.exists():
        yield None
        return
    try:
        with closing(connect_to_read(path)) as database:
            found = schema.version(database)
            if found > schema.VERSION:
                raise LedgerNewer(f"{path} was written by a newer otel-agent. Upgrade this one to read it.")
            # Another process is just about to create the tables.
            yield None if found == 0 and schema.belongs_to_us(database) else Queries(database, found)
    except LedgerDamaged as damage:
        raise LedgerDamaged(f"cannot read the ledger {path}: {damage}. `otel-agent run` sets it aside.") from None


class Queries:
    """The questions of reports. Each answer shows one moment; inside ``moment`` several answers show the same one.

    A ledger of an older version, whose agent still runs, answers with nothing what it does not know.
    """

    def __init__(self, database: sqlite3.Connection, version: int) -> None:
        self._database, self._version = database, version
        # A ledger of an older version knows messages only.
        with_source = version >= schema.WITH_SOURCE
        self._messages = f"count(*) FILTER (WHERE NOT {_UNATTRIBUTED})" if with_source else "count(*)"
        self._sums = f"{self._messages}, count(DISTINCT m.session_id), {_TOKENS}"
        self._columns = {
            name: f"iif({_UNATTRIBUTED}, '{UNATTRIBUTED}', m.{name})" if with_source else f"m.{name}"
            for name in ("model", "agent")
        }

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
        where, parameters = self._where(scope)
        return _usage(
            self._database.execute(f"SELECT {self._sums} FROM message AS m WHERE {where}", parameters).fetchone()
        )

    def unattributed(self, scope: Scope) -> Usage:
        """Return the part of ``usage`` that belongs to no message."""
        if self._version < schema.WITH_SOURCE:
            return NO_USAGE
        where, parameters = self._where(scope)
        query = f"SELECT {self._sums} FROM message AS m WHERE {where} AND {_UNATTRIBUTED}"
        return _usage(self._database.execute(query, parameters).fetchone())

    def by_model(self, scope: Scope) -> list[Group]:
        """Group by (provider, model). Usage of no message has the model ``UNATTRIBUTED``."""
        return self._groups(["m.provider", self._columns["model"]], scope)

    def by_agent(self, scope: Scope) -> list[Group]:
        """Group by (agent,). Usage of no message has the agent ``UNATTRIBUTED``."""
        return self._groups([self._columns["agent"]], scope)

    def by_session(self, scope: Scope) -> list[Group]:
        """Group by (session id, worktree, directory).

        A session belongs to a project if any of its messages does: its folder became a repository in between.
        """
        return self._groups(["m.session_id"], scope, also=["max(m.worktree)", "max(m.directory)"])

    def by_project(self, scope: Scope, *, separate_global: bool) -> list[Group]:
        """Group by (worktree,), which is empty outside any project.

        ``separate_global`` groups by (worktree, directory); the directory is empty inside a project.
        """
        worktree = f"CASE WHEN {_OUTSIDE_ANY} THEN '' ELSE m.worktree END"
        directory = f"CASE WHEN {_OUTSIDE_ANY} THEN m.directory ELSE '' END"
        return self._groups([worktree, directory] if separate_global else [worktree], scope)

    def by_slot(self, scope: Scope) -> list[tuple[int, str, Usage]]:
        """Return (slot, session id, usage). A slot is ``SLOT_MS`` long; slots are numbered from the Unix epoch."""
        where, parameters = self._where(scope)
        query = (
            f"SELECT {_ENDED} / {SLOT_MS}, m.session_id, {self._messages}, 1, {_TOKENS} FROM message AS m WHERE {where} "
            "GROUP BY 1, 2 ORDER BY 1"
        )
        return [(row[0], row[1], _usage(row[2:])) for row in self._database.execute(query, parameters)]

    def first_and_last_ms(self, scope: Scope) -> tuple[int, int] | None:
        """Return when the first and the last message of the scope ended, ``None`` if there is none."""
        where, parameters = self._where(scope)
        first, last = self._database.execute(f"SELECT {_TIMES} FROM message AS m WHERE {where}", parameters).fetchone()
        return None if first is None else (int(first), int(last))

    def newest_ms(self) -> int | None:
        """Return when the newest counted message ended, ``None`` if nothing was counted."""
        return records.newest_ms(self._database)

    def pending(self) -> int:
        """Return how many spans the backend has not accepted yet."""
        return len(Outbox(self._database)) if self._version >= schema.WITH_DELIVERY else 0

    def series(self) -> int:
        """Return how many series there are, over all metrics."""
        return int(self._database.execute("SELECT count(*) FROM series").fetchone()[0])

    def store_counts(self) -> list[StoreCount]:
        """Return how many messages were counted from each store."""
        return store_counts(self._database) if self._version >= schema.WITH_DELIVERY else []

    def deliveries(self) -> list[SignalDelivery]:
        """Return how the delivery of each signal is doing."""
        return deliveries(self._database) if self._version >= schema.WITH_DELIVERY else []

    def checkpoint(self, place: str) -> bytes | None:
        """Return the state that was left at a place, see ``model.Checkpoint``."""
        return checkpoints.recall(self._database, place)

    def evidence(self) -> Evidence:
        """Return what a proof of count needs. Raises ``LedgerError`` for a ledger of an older version."""
        if self._version < schema.VERSION:
            raise LedgerError(
                "an older otel-agent wrote this ledger. `otel-agent run` or `otel-agent summary` brings it up to date."
            )
        return Evidence(self._database)

    def project_keys(self) -> list[ProjectKey]:
        """Return every pair of worktree and directory that a counted message names."""
        query = f"SELECT DISTINCT m.worktree, m.directory FROM message AS m WHERE {_COUNTED}"
        return [ProjectKey(*row) for row in self._database.execute(query)]

    def session_facts(self) -> dict[str, SessionFacts]:
        """Return the facts of every session, by its id."""
        rows = self._database.execute("SELECT id, parent_id, title FROM session")
        return {row[0]: SessionFacts(row[1], row[2]) for row in rows}

    def problems(self) -> list[ProblemSummary]:
        """Return what cannot be read of OpenCode's storage now, the most frequent kind first."""
        return problem_summaries(self._database) if self._version >= schema.WITH_PROBLEMS else []

    def reading(self) -> Reading | None:
        """Return how far the reading of history is; ``None`` if it has ended, so that totals are complete."""
        return reading(self._database, self._version)

    def versions(self) -> list[str]:
        """Return the releases of OpenCode that created the sessions."""
        return [row[0] for row in self._database.execute("SELECT DISTINCT version FROM session")]

    def _groups(self, by: list[str], scope: Scope, also: Sequence[str] = ()) -> list[Group]:
        where, parameters = self._where(scope)
        keys = len(by) + len(also)
        query = f"SELECT {', '.join([*by, *also])}, {self._sums}, {_TIMES} FROM message AS m WHERE {where} GROUP BY {', '.join(by)}"
        rows = self._database.execute(query, parameters)
        return [Group(row[:keys], _usage(row[keys:-2]), row[-2], row[-1]) for row in rows]

    def _where(self, scope: Scope) -> tuple[str, list[object]]:
        """Return the scope as an SQL condition on ``message AS m``, and its parameters."""
        clauses: list[str] = [_COUNTED]
        parameters: list[object] = []
        for bound, sign in ((scope.since_ms, ">="), (scope.until_ms, "<")):
            if bound is not None:
                clauses.append(f"{_ENDED} {sign} ?")
                parameters.append(bound)
        # Sets of any size are one parameter, as JSON: SQLite limits the number of parameters.
        if scope.projects is not None:
            clauses.append(
                "(m.worktree, m.directory) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"
            )
            parameters.append(json.dumps([[key.worktree, key.directory] for key in sorted(scope.projects)]))
        if scope.session_ids is not None:
            clauses.append("m.session_id IN (SELECT value FROM json_each(?))")
            parameters.append(json.dumps(sorted(scope.session_ids)))
        for globs, columns in (
            (scope.models, (self._columns["model"], "m.provider || '/' || m.model")),
            (scope.agents, (self._columns["agent"],)),
            (scope.sessions, ("m.session_id", "(SELECT s.title FROM session AS s WHERE s.id = m.session_id)")),
        ):
            if globs:
                clauses.append(
                    f"({' OR '.join(f'lower({column}) GLOB lower(?)' for _ in globs for column in columns)})"
                )
                parameters += [glob for glob in globs for _ in columns]
        return " AND ".join(clauses), parameters


def _usage(row: tuple[int, ...]) -> Usage:
    return Usage(row[0], row[1], Tokens(*row[2:7]), Overlap(*row[7:9]), row[9])

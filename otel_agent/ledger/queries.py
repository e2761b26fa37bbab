"""Reading the ledger beside its writer: plain numbers for reports. Nothing here writes."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from otel_agent.errors import LedgerDamaged, LedgerNewer
from otel_agent.ledger import schema
from otel_agent.ledger.delivery_state import Counted, Delivered, counted, deliveries
from otel_agent.ledger.files import connect_to_read, ledger_path
from otel_agent.ledger.outbox import Outbox
from otel_agent.ledger.problems import Trouble, troubles
from otel_agent.model import Overlap, Tokens

SLOT_MS: Final = 900_000
"""A quarter of an hour: every zone's clock is ahead of UTC by a multiple of it, and changes at one."""

_COUNTED: Final = "m.state = 2"
"""``State.COUNTED``, written out: an index on part of a table is used only where the query names that part."""
_ENDED: Final = "coalesce(m.completed_ms, m.created_ms)"
_TOKENS: Final = ", ".join(
    f"ifnull(sum(m.{column}), 0)"
    for column in (
        *("input", "output", "reasoning", "cache_read", "cache_write"),
        *("cached_in_input", "reasoning_in_output", "cost_nusd"),
    )
)
_SUMS: Final = f"count(*), count(DISTINCT m.session_id), {_TOKENS}"
_TIMES: Final = f"min({_ENDED}), max({_ENDED})"


class Usage(Struct, frozen=True):
    """What a set of counted messages used."""

    messages: int
    sessions: int
    tokens: Tokens
    overlap: Overlap
    cost_nusd: int

    def plus(self, other: "Usage") -> "Usage":
        """The sum of two sets that have no session in common."""
        return Usage(
            self.messages + other.messages,
            self.sessions + other.sessions,
            self.tokens.plus(other.tokens),
            self.overlap.plus(other.overlap),
            self.cost_nusd + other.cost_nusd,
        )


NO_USAGE: Final = Usage(0, 0, Tokens(), Overlap(), 0)


class Place(Struct, frozen=True, order=True):
    """Where messages came from: OpenCode's worktree (``/`` outside any) and the working directory."""

    worktree: str
    directory: str


class Scope(Struct, frozen=True, kw_only=True):
    """Which of the counted messages. What is ``None`` or empty does not restrict; globs take no notice of case."""

    since_ms: int | None = None
    """Those that ended then or later …"""
    until_ms: int | None = None
    """… and before this."""
    places: frozenset[Place] | None = None
    models: tuple[str, ...] = ()
    """Globs of the model or of ``provider/model``."""
    agents: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    """Globs of the session's id or title."""
    session_ids: frozenset[str] | None = None


class Group(Struct, frozen=True):
    """The usage of the messages that have something in common, and when the first and the last of them ended."""

    key: tuple[str, ...]
    usage: Usage
    first_ms: int
    last_ms: int


class SessionFacts(Struct, frozen=True):
    parent_id: str
    title: str


@contextmanager
def open_to_read(state_dir: Path) -> Iterator["Queries | None"]:
    """The ledger, ``None`` where there is none yet.

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
            yield Queries(database, found)
    except LedgerDamaged as damage:
        raise LedgerDamaged(f"cannot read the ledger {path}: {damage}. `otel-agent run` sets it aside.") from None


class Queries:
    """What a report asks. Each answer is of one moment, and so are several inside ``moment``."""

    def __init__(self, database: sqlite3.Connection, version: int) -> None:
        self._database, self._version = database, version

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Several answers of the same moment, so that rows add up to their total while the agent writes. Short: a
        reader holds up the truncation of the write-ahead log."""
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            self._database.execute("ROLLBACK")

    def usage(self, scope: Scope) -> Usage:
        """All of it, each session once."""
        where, parameters = _where(scope)
        return _usage(self._database.execute(f"SELECT {_SUMS} FROM message AS m WHERE {where}", parameters).fetchone())

    def by_model(self, scope: Scope) -> list[Group]:
        """By (provider, model)."""
        return self._groups(["m.provider", "m.model"], scope)

    def by_agent(self, scope: Scope) -> list[Group]:
        """By (agent,)."""
        return self._groups(["m.agent"], scope)

    def by_session(self, scope: Scope) -> list[Group]:
        """By (session id, worktree, directory). One that began outside any project, in a folder that became a
        repository, is the project's."""
        return self._groups(["m.session_id"], scope, also=["max(m.worktree)", "max(m.directory)"])

    def by_place(self, scope: Scope, *, separate_global: bool) -> list[Group]:
        """By (worktree,), which is empty outside any project. With ``separate_global`` by (worktree, directory), the
        latter empty inside a project."""
        worktree = "CASE WHEN m.worktree = '/' THEN '' ELSE m.worktree END"
        directory = "CASE WHEN m.worktree IN ('', '/') THEN m.directory ELSE '' END"
        return self._groups([worktree, directory] if separate_global else [worktree], scope)

    def by_slot(self, scope: Scope) -> list[tuple[int, str, Usage]]:
        """(slot, session id, usage), where a slot is ``SLOT_MS`` long and counted from the Unix epoch."""
        where, parameters = _where(scope)
        query = (
            f"SELECT {_ENDED} / {SLOT_MS}, m.session_id, count(*), 1, {_TOKENS} FROM message AS m WHERE {where} "
            "GROUP BY 1, 2 ORDER BY 1"
        )
        return [(row[0], row[1], _usage(row[2:])) for row in self._database.execute(query, parameters)]

    def ends(self, scope: Scope) -> tuple[int, int] | None:
        """When the first and the last of them ended."""
        where, parameters = _where(scope)
        first, last = self._database.execute(f"SELECT {_TIMES} FROM message AS m WHERE {where}", parameters).fetchone()
        return None if first is None else (int(first), int(last))

    def newest_ms(self) -> int | None:
        """When the newest counted message ended."""
        query = f"SELECT max({_ENDED}) FROM message AS m WHERE {_COUNTED}"
        found = self._database.execute(query).fetchone()[0]
        return None if found is None else int(found)

    def pending(self) -> int:
        """Spans that the backend has not taken."""
        return len(Outbox(self._database)) if self._version >= schema.WITH_STANDING else 0

    def series(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM series").fetchone()[0])

    def counted(self) -> list[Counted]:
        """What came from which store."""
        return counted(self._database) if self._version >= schema.WITH_STANDING else []

    def deliveries(self) -> list[Delivered]:
        return deliveries(self._database) if self._version >= schema.WITH_STANDING else []

    def noted(self, place: str) -> bytes | None:
        """What was left at a place, see ``model.Checkpoint``."""
        row = self._database.execute("SELECT state FROM checkpoint WHERE place = ?", (place,)).fetchone()
        return None if row is None else bytes(row[0])

    def places(self) -> list[Place]:
        """Every place that a message names."""
        query = f"SELECT DISTINCT m.worktree, m.directory FROM message AS m WHERE {_COUNTED}"
        return [Place(*row) for row in self._database.execute(query)]

    def session_facts(self) -> dict[str, SessionFacts]:
        """Each session's id to what a person knows it by."""
        rows = self._database.execute("SELECT id, parent_id, title FROM session")
        return {row[0]: SessionFacts(row[1], row[2]) for row in rows}

    def troubles(self) -> list[Trouble]:
        """What of OpenCode's storage cannot be read now. An older agent that still runs does not tell."""
        return troubles(self._database) if self._version >= schema.WITH_PROBLEMS else []

    def versions(self) -> list[str]:
        """The releases of OpenCode that created the sessions."""
        return [row[0] for row in self._database.execute("SELECT DISTINCT version FROM session")]

    def _groups(self, by: list[str], scope: Scope, also: Sequence[str] = ()) -> list[Group]:
        where, parameters = _where(scope)
        keys = len(by) + len(also)
        query = f"SELECT {', '.join([*by, *also])}, {_SUMS}, {_TIMES} FROM message AS m WHERE {where} GROUP BY {', '.join(by)}"
        rows = self._database.execute(query, parameters)
        return [Group(row[:keys], _usage(row[keys:-2]), row[-2], row[-1]) for row in rows]


def _where(scope: Scope) -> tuple[str, list[object]]:
    clauses: list[str] = [_COUNTED]
    parameters: list[object] = []
    for bound, sign in ((scope.since_ms, ">="), (scope.until_ms, "<")):
        if bound is not None:
            clauses.append(f"{_ENDED} {sign} ?")
            parameters.append(bound)
    if scope.places is not None:
        clauses.append(
            "(m.worktree, m.directory) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"
        )
        parameters.append(json.dumps([[each.worktree, each.directory] for each in sorted(scope.places)]))
    if scope.session_ids is not None:
        clauses.append("m.session_id IN (SELECT value FROM json_each(?))")
        parameters.append(json.dumps(sorted(scope.session_ids)))
    for globs, columns in (
        (scope.models, ("m.model", "m.provider || '/' || m.model")),
        (scope.agents, ("m.agent",)),
        (scope.sessions, ("m.session_id", "(SELECT s.title FROM session AS s WHERE s.id = m.session_id)")),
    ):
        if globs:
            clauses.append(f"({' OR '.join(f'lower({column}) GLOB lower(?)' for _ in globs for column in columns)})")
            parameters += [glob for glob in globs for _ in columns]
    return " AND ".join(clauses), parameters


def _usage(row: tuple[int, ...]) -> Usage:
    return Usage(row[0], row[1], Tokens(*row[2:7]), Overlap(*row[7:9]), row[9])

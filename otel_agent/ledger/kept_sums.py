"""Sums that are kept beside the messages, so that a summary adds up thousands of rows and not a million.

Each is written in the transaction of its messages, and can be made again from them (``rebuild``). There are sums by
context, by session, and by quarter of an hour and session. Numbers of sessions cannot be added up, so they are counted
apart, when a session first uses a model, an agent or a project.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from otel_agent.ledger import records
from otel_agent.ledger.answers import SLOT_MS, UNATTRIBUTED
from otel_agent.ledger.contexts import ContextKey, Contexts
from otel_agent.model import Change, Message, UsageSource
from otel_agent.model.project import is_outside_any

NUMBERS: Final = (
    *("messages", "input", "output", "reasoning", "cache_read", "cache_write"),
    *("cached_in_input", "reasoning_in_output", "cost_nusd"),
)
"""The columns that each table of sums has, beside ``first_ms`` and ``last_ms``."""
KINDS: Final = ("model", "agent", "project", "place")
"""What ``reach`` counts sessions of. The key is a JSON array of the names by which ``queries`` groups."""

_UNATTRIBUTED: Final = int(UsageSource.UNATTRIBUTED)

_Sums = tuple[int, ...]
"""``NUMBERS`` of several messages together, and the first and the last of their times."""
_Group = tuple[Any, ...]
"""Context, slot and session of some messages, and after these three their sums."""
_COLUMNS: Final = ", ".join((*NUMBERS, "first_ms", "last_ms"))
_RAISE: Final = ", ".join(
    (
        *(f"{name} = {name} + excluded.{name}" for name in NUMBERS),
        "first_ms = min(ifnull(first_ms, excluded.first_ms), excluded.first_ms)",
        "last_ms = max(ifnull(last_ms, excluded.last_ms), excluded.last_ms)",
    )
)
_VALUES: Final = ", ".join("?" * (len(NUMBERS) + 2))
_TO_CONTEXT: Final = (
    f"UPDATE context SET {', '.join(f'{name} = {name} + ?' for name in NUMBERS)}, "
    "first_ms = min(ifnull(first_ms, ?10), ?10), last_ms = max(ifnull(last_ms, ?11), ?11) WHERE number = ?12"
)
_TO_SLOT: Final = (
    f"INSERT INTO slot_use (slot, session_id, unattributed, {_COLUMNS}) VALUES (?, ?, ?, {_VALUES}) "
    f"ON CONFLICT (slot, session_id, unattributed) DO UPDATE SET {_RAISE}"
)
_TO_SESSION: Final = (
    f"INSERT INTO session_use (session_id, contexts, worktree, directory, {_COLUMNS}) VALUES (?, ?, ?, ?, {_VALUES}) "
    "ON CONFLICT (session_id) DO UPDATE SET contexts = excluded.contexts, worktree = max(worktree, excluded.worktree), "
    f"directory = max(directory, excluded.directory), {_RAISE}"
)
_TO_REACH: Final = (
    "INSERT INTO reach (kind, key, sessions) VALUES (?1, ?2, ?3) "
    "ON CONFLICT (kind, key) DO UPDATE SET sessions = sessions + ?3"
)
_OF_MESSAGES: Final = ", ".join(
    (
        f"sum(m.source <> {UsageSource.UNATTRIBUTED:d})",
        *(f"sum(m.{name})" for name in NUMBERS[1:]),
        f"min({records.ended('m')}), max({records.ended('m')})",
    )
)
"""The same sums, made of the messages themselves."""
_COUNTED: Final = f"FROM message AS m WHERE m.{records.IS_COUNTED} GROUP BY"
_BY_CONTEXT: Final = f"SELECT m.context, {_OF_MESSAGES} {_COUNTED} 1"
_OF_NEW: Final = (
    f"SELECT m.context, {records.ended('m')} / {SLOT_MS}, m.session_id, {_OF_MESSAGES} "
    f"FROM message AS m WHERE m.number > ? AND m.{records.IS_COUNTED} GROUP BY 2, 1, 3"
)
_SLOTS: Final = f"SELECT {records.ended('m')} / {SLOT_MS} AS slot, m.session_id, m.source = {UsageSource.UNATTRIBUTED:d}, {_OF_MESSAGES} "
_BY_SLOT: Final = f"{_SLOTS} {_COUNTED} 1, 2, 3"
_BY_SLOT_OF_SESSION: Final = (
    f"{_SLOTS} FROM message AS m WHERE m.{records.IS_COUNTED} AND m.session_id = ?1 AND m.number <= ?2 GROUP BY 1, 2, 3"
)
_USED: Final = "json_group_array(DISTINCT m.context)"
_PLACES: Final = "max(m.worktree), max(m.directory)"
_COUNTED_WHOLE: Final = f"FROM whole_message AS m WHERE m.{records.IS_COUNTED} GROUP BY"
_BY_SESSION: Final = f"SELECT m.session_id, {_USED}, {_PLACES}, {_OF_MESSAGES} {_COUNTED_WHOLE} 1"
_BY_SESSION_ALONE: Final = f"SELECT m.session_id, {_PLACES}, {_OF_MESSAGES} {_COUNTED_WHOLE} 1"
_CONTEXTS_BY_SESSION: Final = f"SELECT {_USED} {_COUNTED} m.session_id"


class KeptSums:
    """The tables ``context`` (its numbers), ``session_use``, ``slot_use`` and ``reach``. Runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection, contexts: Contexts) -> None:
        self._database, self._contexts = database, contexts

    def add_new(self, after: int) -> None:
        """Add the counted messages whose rows come after this number. Each of them counts now, with all that it used."""
        # SQLite adds up 20,000 rows in a third of the time that Python takes for as many changes.
        self._add(self._database.execute(_OF_NEW, (after,)).fetchall())

    def add(self, changes: Iterable[Change]) -> None:
        """Add what changes of rows that were there before bring; negative numbers take it away."""
        self._add([self._group(change) for change in changes])

    def _group(self, change: Change) -> _Group:
        message, overlap, ended_ms = change.message, change.overlap, change.message.ended_ms
        return (
            self._contexts.number_of(message),
            ended_ms // SLOT_MS,
            message.session_id,
            int(change.first and message.source is not UsageSource.UNATTRIBUTED),
            *change.tokens.by_category(),
            overlap.cached_in_input,
            overlap.reasoning_in_output,
            change.cost_nusd,
            ended_ms,
            ended_ms,
        )

    def _add(self, groups: Iterable[_Group]) -> None:
        by_context: defaultdict[int, list[_Sums]] = defaultdict(list)
        by_slot: defaultdict[tuple[int, str, bool], list[_Sums]] = defaultdict(list)
        by_session: defaultdict[str, list[_Sums]] = defaultdict(list)
        used: defaultdict[str, set[int]] = defaultdict(set)
        for context, slot, session_id, *numbers in groups:
            sums = tuple(numbers)
            unattributed = self._contexts.key_of(context)[-1] == _UNATTRIBUTED
            by_context[context].append(sums)
            by_slot[slot, session_id, unattributed].append(sums)
            by_session[session_id].append(sums)
            used[session_id].add(context)
        self._database.executemany(_TO_CONTEXT, [(*_together(sums), number) for number, sums in by_context.items()])
        self._database.executemany(_TO_SLOT, [(*key, *_together(sums)) for key, sums in by_slot.items()])
        self._add_sessions(by_session, used)

    def renew(self, before: Message, after: Message, *, upto: int) -> None:
        """Add up again what holds a counted message that ended at another time than was known before.

        Rows with a number above ``upto`` are left to ``add_new``.
        """
        session_id = after.session_id
        # A time cannot be taken out of a sum like a number. This happens once in a while, so the messages are asked.
        slots = records.ids([before.ended_ms // SLOT_MS, after.ended_ms // SLOT_MS])
        here = "slot IN (SELECT value FROM json_each(?)) AND session_id = ?"
        self._database.execute(f"DELETE FROM slot_use WHERE {here}", (slots, session_id))
        self._database.execute(
            f"INSERT INTO slot_use (slot, session_id, unattributed, {_COLUMNS}) SELECT * FROM ({_BY_SLOT_OF_SESSION}) "
            "WHERE slot IN (SELECT value FROM json_each(?3))",
            (session_id, upto, slots),
        )
        times = f"SELECT min({records.ended('m')}), max({records.ended('m')}) FROM message AS m WHERE m.{records.IS_COUNTED}"
        self._database.execute(
            f"UPDATE session_use SET (first_ms, last_ms) = ({times} AND m.session_id = ?1) WHERE session_id = ?1",
            (session_id,),
        )
        self._database.execute(
            f"UPDATE context SET (first_ms, last_ms) = ({times} AND m.context = ?1) WHERE number = ?1",
            (self._contexts.number_of(after),),
        )

    def _add_sessions(self, by_session: Mapping[str, list[_Sums]], used: Mapping[str, set[int]]) -> None:
        query = "SELECT session_id, contexts FROM session_use WHERE session_id IN (SELECT value FROM json_each(?))"
        found = self._database.execute(query, (records.ids(list(by_session)),))
        known = {row[0]: set(json.loads(row[1])) for row in found}
        rows: list[tuple[object, ...]] = []
        reached = Counter[tuple[str, str]]()
        for session_id, sums in by_session.items():
            before = known.get(session_id, set())
            now = before | used[session_id]
            if now != before:
                reached.update(self._keys(now) - self._keys(before))
            places = [self._contexts.key_of(number)[3:5] for number in used[session_id]]
            worktree, directory = max(place[0] for place in places), max(place[1] for place in places)
            rows.append((session_id, _as_json(now), worktree, directory, *_together(sums)))
        self._database.executemany(_TO_SESSION, rows)
        self._database.executemany(_TO_REACH, _rows(reached))

    def _keys(self, contexts: Iterable[int]) -> set[tuple[str, str]]:
        """Return each kind and key that these contexts reach."""
        return {pair for number in contexts for pair in _keys_of(self._contexts.key_of(number))}


def rebuild(database: sqlite3.Connection) -> None:
    """Make all sums again from the messages. Runs inside a transaction."""
    for table in ("session_use", "slot_use", "reach"):
        database.execute(f"DELETE FROM {table}")
    zero = ", ".join(f"{name} = 0" for name in NUMBERS)
    database.execute(f"UPDATE context SET {zero}, first_ms = NULL, last_ms = NULL")
    rows = database.execute(_BY_CONTEXT).fetchall()
    database.executemany(_TO_CONTEXT, [(*row[1:], row[0]) for row in rows])
    database.execute(f"INSERT INTO slot_use (slot, session_id, unattributed, {_COLUMNS}) {_BY_SLOT}")
    database.execute(f"INSERT INTO session_use (session_id, contexts, worktree, directory, {_COLUMNS}) {_BY_SESSION}")
    database.executemany(_TO_REACH, _rows(_reach(database)))


def _reach(database: sqlite3.Connection) -> Counter[tuple[str, str]]:
    """Return what ``reach`` counts, made of the messages."""
    contexts, reach = Contexts(database), Counter[tuple[str, str]]()
    for (used,) in database.execute(_CONTEXTS_BY_SESSION):
        reach.update({pair for number in json.loads(used) for pair in _keys_of(contexts.key_of(number))})
    return reach


def _rows(reach: Counter[tuple[str, str]]) -> list[tuple[str, str, int]]:
    return [(*pair, number) for pair, number in reach.items()]


def _together(sums: Sequence[_Sums]) -> _Sums:
    """Return several sums as one."""
    if len(sums) == 1:
        return sums[0]
    *numbers, first, last = zip(*sums, strict=True)
    return (*map(sum, numbers), min(first), max(last))


def _as_json(contexts: Iterable[int]) -> str:
    # Python writes a list of integers as json.dumps does, in a third of the time.
    return str(sorted(contexts))


@lru_cache(maxsize=4096)
def _keys_of(context: ContextKey) -> tuple[tuple[str, str], ...]:
    """Return kind and key of all that a message of this context uses."""
    provider, model, agent, worktree, directory, source = context
    if source == _UNATTRIBUTED:
        model = agent = UNATTRIBUTED
    outside = is_outside_any(worktree)
    project, place = ("", directory) if outside else (worktree, "")
    names = ((provider, model), (agent,), (project,), (project, place))
    return tuple((kind, json.dumps(key, ensure_ascii=False)) for kind, key in zip(KINDS, names, strict=True))


def differing(database: sqlite3.Connection) -> dict[str, int]:
    """Return how many sums of each table are not what the messages add up to; empty if all are right."""
    kept = {
        "context": (f"SELECT number, {_COLUMNS} FROM context WHERE first_ms IS NOT NULL", _BY_CONTEXT),
        "session_use": (f"SELECT session_id, worktree, directory, {_COLUMNS} FROM session_use", _BY_SESSION_ALONE),
        "slot_use": (f"SELECT slot, session_id, unattributed, {_COLUMNS} FROM slot_use", _BY_SLOT),
    }
    found = {table: _apart(database, *queries) for table, queries in kept.items()}
    stored = {(kind, key): number for kind, key, number in database.execute("SELECT kind, key, sessions FROM reach")}
    found["reach"] = len({pair for pair, _ in stored.items() ^ _reach(database).items()})
    return {table: number for table, number in found.items() if number}


def _apart(database: sqlite3.Connection, kept: str, right: str) -> int:
    """Return how many rows are in one of the two only; a row that differs is in both, and counts once."""
    both = (
        f"SELECT count(*) FROM (SELECT * FROM ({one}) EXCEPT SELECT * FROM ({other}))"
        for one, other in ((kept, right), (right, kept))
    )
    return max(int(database.execute(query).fetchone()[0]) for query in both)

"""Usage added up from the messages themselves: for any choice among them, at the price of reading each."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

from otel_agent.ledger import records, schema
from otel_agent.ledger.answers import (
    NO_USAGE,
    SLOT_MS,
    UNATTRIBUTED,
    CountedMessage,
    Group,
    ModelUsage,
    Period,
    Scope,
    Usage,
)
from otel_agent.model import UsageSource
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


class UsageOfMessages:
    """The usage of the counted messages in a scope, for a ledger of any version."""

    def __init__(self, database: sqlite3.Connection, version: int) -> None:
        self._database, self._version = database, version
        self._from = f"FROM {'whole_message' if version >= schema.WITH_SUMS else 'message'} AS m"
        # A ledger of an older version knows messages only.
        with_source = version >= schema.WITH_SOURCE
        self._messages = f"count(*) FILTER (WHERE NOT {_UNATTRIBUTED})" if with_source else "count(*)"
        self._sums = f"{self._messages}, count(DISTINCT m.session_id), {_TOKENS}"
        self._columns = {
            name: f"iif({_UNATTRIBUTED}, '{UNATTRIBUTED}', m.{name})" if with_source else f"m.{name}"
            for name in ("model", "agent")
        }

    def usage(self, scope: Scope) -> Usage:
        """Return the sum over all messages in the scope; a session counts once."""
        where, parameters = self._where(scope)
        return Usage.of(
            self._database.execute(f"SELECT {self._sums} {self._from} WHERE {where}", parameters).fetchone()
        )

    def unattributed(self, scope: Scope) -> Usage:
        """Return the part of ``usage`` that belongs to no message."""
        if self._version < schema.WITH_SOURCE:
            return NO_USAGE
        where, parameters = self._where(scope)
        query = f"SELECT {self._sums} {self._from} WHERE {where} AND {_UNATTRIBUTED}"
        return Usage.of(self._database.execute(query, parameters).fetchone())

    def grouped(self, kind: str, scope: Scope) -> list[Group]:
        """Group by a kind of ``kept_sums.KINDS``: a model with its provider, an agent, or a project with or without its places."""
        return self._groups(self._by(kind), scope)

    def by_model_of(self, kind: str, scope: Scope) -> Iterator[ModelUsage]:
        """Yield the usage of each group of that kind, or ``session``, by model."""
        for group in self._groups([*self._by(kind), *self._by("model")], scope):
            *key, provider, model = group.key
            yield ModelUsage(tuple(key), provider, model, group.usage)

    def by_model_and_period(self, scope: Scope, periods: Sequence[Period]) -> Iterator[ModelUsage]:
        """Yield the usage of each period by model."""
        for begin, provider, model, *sums in self._in_periods(scope, periods, self._by("model")):
            yield ModelUsage((str(begin),), provider, model, Usage.of(sums))

    def _by(self, kind: str) -> list[str]:
        """Return the columns that name a group of this kind."""
        project = f"CASE WHEN {_OUTSIDE_ANY} THEN '' ELSE m.worktree END"
        return {
            "model": ["m.provider", self._columns["model"]],
            "agent": [self._columns["agent"]],
            "session": ["m.session_id"],
            "project": [project],
            "place": [project, f"CASE WHEN {_OUTSIDE_ANY} THEN m.directory ELSE '' END"],
        }[kind]

    def by_session(self, scope: Scope) -> list[Group]:
        """Group by (session id, worktree, directory).

        A session belongs to a project if any of its messages does: its folder became a repository in between.
        """
        # With bounds, "+" makes SQLite take the index of ends. It would walk through all messages by their sessions instead:
        # 0.15 s of 100,000 for those of the last minutes, and 0.3 ms with it.
        bounded = scope.since_ms is not None or scope.until_ms is not None
        by = "+m.session_id" if bounded else "m.session_id"
        return self._groups([by], scope, also=["max(m.worktree)", "max(m.directory)"])

    def by_period(self, scope: Scope, periods: Sequence[Period]) -> dict[int, Usage]:
        """Return the usage of each period that has any, by its begin."""
        return {row[0]: Usage.of(row[1:]) for row in self._in_periods(scope, periods)}

    def by_slot(self, scope: Scope) -> dict[int, Usage]:
        """Return the usage of each quarter of an hour that has any, by its begin in milliseconds."""
        where, parameters = self._where(scope)
        query = f"SELECT {_ENDED} / {SLOT_MS} AS slot, {self._sums} {self._from} WHERE {where} GROUP BY slot"
        return {row[0] * SLOT_MS: Usage.of(row[1:]) for row in self._database.execute(query, parameters)}

    def messages(self, scope: Scope, latest: int | None) -> Iterator[CountedMessage]:
        """Yield the messages in the order in which they ended; if ``latest`` is a number, only so many of the last."""
        where, parameters = self._where(scope)
        query = (
            f"SELECT m.id, m.session_id, ifnull(s.title, ''), ifnull(s.parent_id, ''), m.created_ms, {_ENDED} AS ended_ms, "
            f"m.provider, {self._columns['model']}, {self._columns['agent']}, m.worktree, m.directory, m.turn_id, m.finish, "
            "m.error_type, 1, 1, m.input, m.output, m.reasoning, m.cache_read, m.cache_write, m.cached_in_input, "
            f"m.reasoning_in_output, m.cost_nusd {self._from} LEFT JOIN session AS s ON s.id = m.session_id WHERE {where} "
        )
        if latest is None:
            rows = self._database.execute(f"{query} ORDER BY ended_ms, m.id", parameters)
        else:
            # The last ones are found from the end, and then turned round.
            query = f"SELECT * FROM ({query} ORDER BY ended_ms DESC, m.id DESC LIMIT ?) ORDER BY ended_ms, id"
            rows = self._database.execute(query, [*parameters, latest])
        for row in rows:
            yield CountedMessage(Usage.of(row[14:]), *row[:14])

    def first_and_last_ms(self, scope: Scope) -> tuple[int, int] | None:
        """Return when the first and the last message of the scope ended, ``None`` if there is none."""
        where, parameters = self._where(scope)
        first, last = self._database.execute(f"SELECT {_TIMES} {self._from} WHERE {where}", parameters).fetchone()
        return None if first is None else (int(first), int(last))

    def _in_periods(
        self, scope: Scope, periods: Sequence[Period], also: Sequence[str] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """Yield begin, names and sums of each period, and within it of each group by ``also``."""
        where, parameters = self._where(scope)
        names = "".join(f"{name}, " for name in also)
        # CROSS JOIN makes SQLite look up each period by the index of ends.
        query = (
            f"SELECT json_extract(p.value, '$[0]'), {names}{self._sums} FROM json_each(?) AS p CROSS JOIN "
            f"{self._from.removeprefix('FROM ')} WHERE {where} "
            f"AND {_ENDED} >= json_extract(p.value, '$[0]') AND {_ENDED} < json_extract(p.value, '$[1]') "
            f"GROUP BY {', '.join(['p.key', *also])}"
        )
        yield from self._database.execute(query, [json.dumps(periods), *parameters])

    def _groups(self, by: list[str], scope: Scope, also: Sequence[str] = ()) -> list[Group]:
        where, parameters = self._where(scope)
        keys = len(by) + len(also)
        query = f"SELECT {', '.join([*by, *also])}, {self._sums}, {_TIMES} {self._from} WHERE {where} GROUP BY {', '.join(by)}"
        rows = self._database.execute(query, parameters)
        return [Group(row[:keys], Usage.of(row[keys:-2]), row[-2], row[-1]) for row in rows]

    def where(self, scope: Scope) -> tuple[str, list[object]]:
        """Return the scope as an SQL condition on ``whole_message AS m``, and its parameters."""
        return self._where(scope)

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
        if scope.model is not None:
            clauses.append(f"m.provider = ? AND {self._columns['model']} = ?")
            parameters += scope.model
        for globs, columns in (
            (scope.models, (self._columns["model"], "m.provider || '/' || m.model")),
            (scope.agents, (self._columns["agent"],)),
            (scope.sessions, ("m.session_id", "(SELECT s.title FROM session AS s WHERE s.id = m.session_id)")),
        ):
            if globs:
                clauses.append(
                    f"({' OR '.join(f'lower({column}) GLOB lower(?)' for _ in globs for column in columns)})"
                )
                # SQLite's globs are like the shell's, but for the sign of a letter that may not be there.
                parameters += [glob.replace("[!", "[^") for glob in globs for _ in columns]
        return " AND ".join(clauses), parameters

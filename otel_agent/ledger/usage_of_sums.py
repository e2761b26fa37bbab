"""The same usage as ``usage_of_messages``, from the sums that are kept: what it costs does not follow the history."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from otel_agent.ledger.answers import (
    NO_USAGE,
    SLOT_MS,
    UNATTRIBUTED,
    Amount,
    Group,
    Period,
    Scope,
    SessionAmount,
    Usage,
)
from otel_agent.ledger.kept_sums import NUMBERS
from otel_agent.model import Overlap, Tokens, UsageSource
from otel_agent.model.project import OUTSIDE_ANY

_MESSAGES: Final = "ifnull(sum(messages), 0)"
_TOKENS: Final = ", ".join(f"ifnull(sum({name}), 0)" for name in NUMBERS[1:])
_SUMS: Final = f"{_MESSAGES}, count(DISTINCT session_id), {_TOKENS}"
"""The columns of a ``Usage`` from ``slot_use``."""
_TIMES: Final = "min(first_ms), max(last_ms)"
_IS_UNATTRIBUTED: Final = f"source = {UsageSource.UNATTRIBUTED:d}"
_OUTSIDE_ANY: Final = f"worktree IN ({', '.join(repr(worktree) for worktree in OUTSIDE_ANY)})"
_PROJECT: Final = f"iif({_OUTSIDE_ANY}, '', worktree)"
MODEL: Final = f"iif({_IS_UNATTRIBUTED}, '{UNATTRIBUTED}', model)"
"""The name of a context's model."""
_RECORDED: Final = "u.input + u.output + u.reasoning + u.cache_read + u.cache_write"
_AMOUNTS: Final[dict[Amount, str]] = {
    "recorded": _RECORDED,
    "disjoint": f"{_RECORDED} - u.cached_in_input - u.reasoning_in_output",
    "messages": "u.messages",
    "cost": "u.cost_nusd",
    "first": "u.first_ms",
    "last": "u.last_ms",
    "nothing": "0",
}
GROUPED_BY: Final = {
    "model": ("provider", MODEL),
    "agent": (f"iif({_IS_UNATTRIBUTED}, '{UNATTRIBUTED}', agent)",),
    "project": (_PROJECT,),
    "place": (_PROJECT, f"iif({_OUTSIDE_ANY}, directory, '')"),
}
"""The groups of each kind that ``reach`` counts sessions of."""


def is_unrestricted(scope: Scope) -> bool:
    """Return True for all messages of all time: sums of contexts answer by model, agent and project."""
    return scope == Scope()


def is_of_slots(scope: Scope) -> bool:
    """Return True for whole quarters of an hour without a filter, as every day is in every zone: sums of slots answer."""
    bounds = (scope.since_ms, scope.until_ms)
    whole = all(bound is None or bound % SLOT_MS == 0 for bound in bounds)
    return whole and scope == Scope(since_ms=scope.since_ms, until_ms=scope.until_ms)


def is_of_sessions(scope: Scope) -> bool:
    """Return True for some sessions of all time: their own sums answer."""
    return scope == Scope(session_ids=scope.session_ids)


class UsageOfSums:
    """The usage of the scopes that kept sums can answer; the functions above say which."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def usage(self, scope: Scope) -> Usage:
        """Return the sum of whole slots; a session counts once."""
        if is_unrestricted(scope):
            query = f"SELECT {_MESSAGES}, (SELECT count(*) FROM session_use), {_TOKENS} FROM context"
            return Usage.of(self._database.execute(query).fetchone())
        return self._of_slots(scope, "1")

    def mark(self) -> tuple[int, ...]:
        """Return sums over everything that was counted: they differ once anything more is."""
        query = f"SELECT {', '.join(f'ifnull(sum({name}), 0)' for name in NUMBERS)} FROM context"
        return tuple(self._database.execute(query).fetchone())

    def unattributed(self, scope: Scope) -> Usage:
        """Return the part of whole slots that belongs to no message."""
        # A context is looked up first: nearly everybody has none.
        any_ = f"SELECT 1 FROM context WHERE {_IS_UNATTRIBUTED} AND first_ms IS NOT NULL LIMIT 1"
        return self._of_slots(scope, "unattributed") if self._database.execute(any_).fetchone() else NO_USAGE

    def grouped(self, kind: str) -> list[Group]:
        """Group all messages by a kind of ``kept_sums.KINDS``."""
        reach = self._database.execute("SELECT key, sessions FROM reach WHERE kind = ?", (kind,))
        sessions = {tuple(json.loads(key)): number for key, number in reach}
        by = GROUPED_BY[kind]
        query = (
            f"SELECT {', '.join(by)}, {_MESSAGES}, {_TOKENS}, {_TIMES} FROM context WHERE first_ms IS NOT NULL "
            f"GROUP BY {', '.join(str(number + 1) for number in range(len(by)))}"
        )
        groups: list[Group] = []
        for row in self._database.execute(query):
            key, (messages, *numbers, first_ms, last_ms) = row[: len(by)], row[len(by) :]
            groups.append(Group(key, Usage.of((messages, sessions.get(key, 0), *numbers)), first_ms, last_ms))
        return groups

    def by_session(self, scope: Scope) -> list[Group]:
        """Group by (session id, worktree, directory)."""
        keys, numbers = "u.session_id, s.worktree, s.directory", ", ".join(f"u.{name}" for name in NUMBERS)
        if is_of_sessions(scope):
            where, parameters = "", tuple[object, ...]()
            if scope.session_ids is not None:
                where, parameters = "WHERE session_id IN (SELECT value FROM json_each(?))", (_ids(scope),)
            query = (
                f"SELECT session_id, worktree, directory, {', '.join(NUMBERS)}, first_ms, last_ms "
                f"FROM session_use {where}"
            )
        else:
            sums, parameters = _sessions_of_slots(scope)
            query = (
                f"SELECT {keys}, {numbers}, u.first_ms, u.last_ms FROM ({sums}) AS u "
                "JOIN session_use AS s ON s.session_id = u.session_id"
            )
        return [_of_session(row) for row in self._database.execute(query, parameters)]

    def amounts(self, scope: Scope, amount: Amount) -> list[SessionAmount]:
        """Return one number of each session, of all time or of whole slots."""
        sums, parameters = ("SELECT * FROM session_use", ()) if is_unrestricted(scope) else _sessions_of_slots(scope)
        query = (
            f"SELECT u.session_id, ifnull(s.parent_id, ''), ifnull(s.title, ''), {_AMOUNTS[amount]} "
            f"FROM ({sums}) AS u LEFT JOIN session AS s ON s.id = u.session_id"
        )
        return [SessionAmount(*row) for row in self._database.execute(query, parameters)]

    def by_period(self, scope: Scope, periods: Sequence[Period]) -> dict[int, Usage]:
        """Return the usage of each period that has any, by its begin. Periods begin with a slot and end with one."""
        query = f"SELECT {_SUMS} FROM slot_use WHERE slot >= ? AND slot < ?"
        found: dict[int, Usage] = {}
        # One query for all periods sorts the slots by them, and takes two and a half times as long.
        for begin, end in periods:
            # Cut here: with two bounds on each side, SQLite could walk through the whole scope for each period.
            first_ms = begin if scope.since_ms is None else max(begin, scope.since_ms)
            until_ms = end if scope.until_ms is None else min(end, scope.until_ms)
            row = self._database.execute(query, (first_ms // SLOT_MS, until_ms // SLOT_MS)).fetchone()
            if row[1]:
                found[begin] = Usage.of(row)
        return found

    def by_slot(self, scope: Scope) -> dict[int, Usage]:
        """Return the usage of each slot that has any, by its begin in milliseconds."""
        where, parameters = slots(scope)
        query = f"SELECT slot, {_SUMS} FROM slot_use WHERE {where} GROUP BY slot"
        return {row[0] * SLOT_MS: Usage.of(row[1:]) for row in self._database.execute(query, parameters)}

    def first_and_last_ms(self, scope: Scope) -> tuple[int, int] | None:
        """Return when the first and the last message of the slots ended, ``None`` if there is none."""
        where, parameters = slots(scope)
        # A history has a few hundred contexts, and tens of thousands of slots.
        of = "context" if is_unrestricted(scope) else f"slot_use WHERE {where}"
        first, last = self._database.execute(f"SELECT {_TIMES} FROM {of}", parameters).fetchone()
        return None if first is None else (int(first), int(last))

    def _of_slots(self, scope: Scope, which: str) -> Usage:
        where, parameters = slots(scope)
        query = f"SELECT {_SUMS} FROM slot_use WHERE {where} AND {which}"
        return Usage.of(self._database.execute(query, parameters).fetchone())


def slots(scope: Scope) -> tuple[str, tuple[object, ...]]:
    """Return a scope of whole slots as an SQL condition on ``slot_use``, and its parameters."""
    bounds = [
        (bound // SLOT_MS, sign) for bound, sign in ((scope.since_ms, ">="), (scope.until_ms, "<")) if bound is not None
    ]
    return " AND ".join(["1", *(f"slot {sign} ?" for _, sign in bounds)]), tuple(bound for bound, _ in bounds)


def _sessions_of_slots(scope: Scope) -> tuple[str, tuple[object, ...]]:
    """Return a query of the sums of each session in whole slots, and its parameters."""
    where, parameters = slots(scope)
    sums = ", ".join(f"sum({name}) AS {name}" for name in NUMBERS)
    times = "min(first_ms) AS first_ms, max(last_ms) AS last_ms"
    return f"SELECT session_id, {sums}, {times} FROM slot_use WHERE {where} GROUP BY session_id", parameters


def _ids(scope: Scope) -> str:
    return json.dumps(sorted(scope.session_ids or ()))


def _of_session(row: tuple[Any, ...]) -> Group:
    # Names instead of slices take a quarter of the time, and a person may have ten thousand sessions.
    key, worktree, directory, messages, input_, output, reasoning, read, write, cached, reasoned, cost, first, last = (
        row
    )
    tokens, overlap = Tokens(input_, output, reasoning, read, write), Overlap(cached, reasoned)
    return Group((key, worktree, directory), Usage(messages, 1, tokens, overlap, cost), first, last)

"""Checks the recount against OpenCode's own totals of each session.

From 2.0 on they hold all that was ever used in a session, so the ledger has to agree with them to the token. What the rows
do not have is titles and other calls without a row. From 1.15 on ``session`` has totals too. They hold copies and lose what
a revert deletes, and sessions that an older release began lack what came before.
"""

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from otel_agent.model import State, UsageSource
from otel_agent.verify.amounts import ROUNDING_NUSD, Amount, Cause
from otel_agent.verify.scratch import NUMBERS, DifferenceRow, Scratch

_OF_MESSAGES: Final = f"e.source <> {UsageSource.UNATTRIBUTED:d}"
_UNATTRIBUTED: Final = f"e.source = {UsageSource.UNATTRIBUTED:d}"


def _sums(of: str) -> str:
    return ", ".join(f"sum({of}.{name})" for name in NUMBERS)


_SESSIONS: Final = f"""
CREATE TABLE known AS
SELECT s.id, max(s.created_ms) AS created_ms, max(s.forked) AS forked, min(s.version) AS version,
    max(t.migrated_ms) AS migrated_ms, max(t.written_ms) AS written_ms,
    {", ".join(f"max(s.{name}) AS {name}" for name in NUMBERS)}
FROM session AS s LEFT JOIN store AS t ON t.store = s.store WHERE s.form = 'v2' GROUP BY s.id
"""
"""A session can be in two databases, and one of them is a copy that grows no more: the larger totals are the newer ones."""

_READS_ALL: Final = "EXISTS (SELECT 1 FROM as_imported JOIN record USING (id) WHERE form = 'v2' AND NOT fits)"
"""The import of 2.0 leaves out rows that do not fit. One that made rows of such ones left nothing out."""
_HELD_OF_ROW: Final = ", ".join(
    f"sum(CASE WHEN i.id IS NULL THEN c.{name} WHEN i.fits OR {_READS_ALL} THEN i.{name} ELSE 0 END)"
    for name in NUMBERS
)
_ROWS: Final = f"""
SELECT c.session_id, 0, {_HELD_OF_ROW} FROM call AS c JOIN known AS k ON k.id = c.session_id
LEFT JOIN as_imported AS i ON i.id = c.id
WHERE iif(
    EXISTS (SELECT 1 FROM record AS r WHERE r.id = c.id AND r.form = 'v2'),
    NOT (c.marked OR (k.forked AND c.created_ms < k.created_ms)), k.migrated_ms IS NULL OR c.ended_ms <= k.migrated_ms
) GROUP BY 1
"""
"""The rows that the totals hold: no copies, and of 1.x only those that the import found."""

_GONE: Final = f"""
SELECT e.session_id, 0, {_sums("e")} FROM entry AS e JOIN known AS k ON k.id = e.session_id LEFT JOIN call AS c ON c.id = e.id
WHERE c.id IS NULL AND {_OF_MESSAGES} AND e.number <= :last_number AND iif(
    e.generation = 'v2', NOT (e.id GLOB 'msg_*_[0-9]*' OR (k.forked AND e.created_ms < k.created_ms)),
    k.migrated_ms IS NULL OR coalesce(e.completed_ms, e.created_ms) <= k.migrated_ms
) GROUP BY 1
"""
_COUNTED: Final = f"""
SELECT e.session_id, 0, {_sums("e")} FROM entry AS e WHERE {_UNATTRIBUTED} AND e.state = {State.COUNTED:d} GROUP BY 1
"""
_SKIPPED: Final = _COUNTED.replace(f"e.state = {State.COUNTED:d}", f"e.state <> {State.COUNTED:d}")
_HELD: Final = """
SELECT DISTINCT session_id FROM record
WHERE form = 'v2' AND completed_ms IS NULL AND (compaction OR input + output + reasoning + cache_read + cache_write > 0)
"""
"""Sessions with a call in flight whose usage the totals have already, and its row has not."""

_OLD_TOTALS: Final = f"""
SELECT s.id, s.version, {", ".join(f"s.{name}" for name in NUMBERS)},
    {", ".join(f"ifnull(sum(r.{name}), 0)" for name in NUMBERS)}
FROM session AS s LEFT JOIN record AS r ON r.session_id = s.id AND r.store = s.store AND r.form = 'v1'
WHERE s.form = 'v1' AND s.input + s.output + s.reasoning + s.cache_read + s.cache_write > 0 GROUP BY s.rowid
"""
_OLD_GONE: Final = f"""
SELECT e.session_id, 0, {_sums("e")} FROM entry AS e LEFT JOIN call AS c ON c.id = e.id
WHERE c.id IS NULL AND {_OF_MESSAGES} AND e.generation = 'v1' GROUP BY 1
"""


class OwnTotals(Struct):
    """The result: how many sessions have totals of OpenCode's own, and what only these totals know."""

    sessions: int = 0
    only_in_totals: Amount = Amount()


class Rules(Struct, frozen=True):
    """The reasons for which unattributed usage may be missing in the ledger."""

    last_number: int
    switched_off: bool
    newer_than_ms: int
    """A store that was written after this may have totals that the agent has not read. 2.x does not say when totals change."""


def check_own_totals(scratch: Scratch, rules: Rules) -> OwnTotals:
    """Compare with the totals of every session, and add the differences."""
    scratch.database.execute(_SESSIONS)
    scratch.database.execute("CREATE UNIQUE INDEX known_id ON known (id)")
    scratch.database.execute("CREATE INDEX record_id ON record (id, form)")
    scratch.database.execute("CREATE INDEX record_session ON record (session_id, store, form)")
    result = OwnTotals()
    scratch.add_differences([*_of_2_x(scratch, rules, result), *_of_1_x(scratch, result)])
    return result


class _Session(Struct, frozen=True):
    """One session of 2.x: what its totals say, and what is known of it otherwise."""

    id: str
    created_ms: int
    imported: bool
    """True if an older release began it: it can be imported again, which makes its totals new."""
    totals: Amount
    recorded: Amount
    """The sum of its records, those included that are gone and were counted."""
    deleted: Amount
    counted: Amount
    """Usage that the ledger counts beyond messages …"""
    left_out: Amount
    """… and what `backfill` leaves out of that."""
    why_less: Cause

    def missing(self) -> Amount:
        """Return what only the totals know."""
        return self.totals.minus(self.recorded).at_least(0).tokens_only()

    def difference(self, cause: Cause, amount: Amount, walk: int = 1) -> DifferenceRow:
        """Return a row of the table ``difference``."""
        return cause, walk, "", self.id, self.created_ms, "", "", *amount.numbers


def _of_2_x(scratch: Scratch, rules: Rules, result: OwnTotals) -> Iterator[DifferenceRow]:
    rows, gone = _amounts(scratch, _ROWS, {}), _amounts(scratch, _GONE, {"last_number": rules.last_number})
    counted, skipped = _amounts(scratch, _COUNTED, {}), _amounts(scratch, _SKIPPED, {})
    held = {row[0] for row in scratch.database.execute(_HELD)}
    query = f"SELECT id, created_ms, version, written_ms, {', '.join(NUMBERS)} FROM known"
    for key, created_ms, version, written_ms, *numbers in scratch.database.execute(query).fetchall():
        deleted = gone.get(key, Amount())
        session = _Session(
            key,
            created_ms,
            version.startswith(("0.", "1.")) and not version.startswith("0.0.0-"),
            Amount(0, *numbers),
            rows.get(key, Amount()).plus(deleted),
            deleted,
            counted.pop(key, Amount()),
            skipped.get(key, Amount()),
            _why_less(rules, held=key in held, written_ms=written_ms or 0),
        )
        result.sessions += bool(session.totals.total)
        result.only_in_totals = result.only_in_totals.plus(session.missing())
        yield from _differences(session)
    for key, amount in counted.items():
        yield (Cause.SESSION_DELETED, 1, "", key, None, "", "", *amount.numbers)


def _differences(session: _Session) -> Iterator[DifferenceRow]:
    missing, known = session.missing(), session.counted.plus(session.left_out)
    if session.left_out.total:
        yield session.difference(Cause.BACKFILL, Amount().minus(session.left_out))
    less, more = missing.minus(known).at_least(0), known.minus(missing).at_least(0)
    if less.total or less.cost_nusd:
        # A cost without tokens is no usage: OpenCode's sums of floats are a little off.
        yield session.difference(session.why_less if less.total else Cause.ROUNDING, Amount().minus(less))
    if more.total or more.cost_nusd:
        why = Cause.DELETED if session.imported else Cause.ABOVE_TOTALS
        is_rounding = not more.total and more.cost_nusd <= ROUNDING_NUSD
        yield session.difference(Cause.ROUNDING if is_rounding else why, more)
    # Totals never fall, so what was counted and is gone must be in them.
    beyond = session.recorded.minus(session.totals).at_least(0)
    above = Amount(0, *map(min, beyond.tokens, session.deleted.tokens))
    if above.total and session.totals.total and not session.imported:
        yield session.difference(Cause.ABOVE_TOTALS, above, 0)


def _why_less(rules: Rules, *, held: bool, written_ms: int) -> Cause:
    if rules.switched_off:
        return Cause.SWITCHED_OFF
    if held:
        return Cause.UNFINISHED
    return Cause.UNREAD if written_ms > rules.newer_than_ms else Cause.BELOW_TOTALS


def _of_1_x(scratch: Scratch, result: OwnTotals) -> Iterator[DifferenceRow]:
    gone = _amounts(scratch, _OLD_GONE, {})
    for session_id, _, *numbers in scratch.database.execute(_OLD_TOTALS).fetchall():
        totals, rows = Amount(0, *numbers[:6]), Amount(0, *numbers[6:])
        result.sessions += 1
        less = totals.minus(rows).minus(gone.get(session_id, Amount())).at_least(0).tokens_only()
        more = rows.minus(totals).at_least(0).tokens_only()
        for cause, amount in ((Cause.BEFORE_FIRST_LOOK, less), (Cause.TOTALS_INCOMPLETE, more)):
            if amount.total:
                yield (cause, 0, "", session_id, None, "", "", *amount.numbers)


def _amounts(scratch: Scratch, query: str, bound: dict[str, Any]) -> dict[str, Amount]:
    return {row[0]: Amount(*row[1:]) for row in scratch.database.execute(query, bound)}

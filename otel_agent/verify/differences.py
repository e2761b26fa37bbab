"""Finds every difference between the records of the stores and the messages of the ledger, and says what each is.

Each difference is a row of the table ``difference``. Those with ``walk = 1`` lead from what the stores hold to what the
ledger holds. The sum of the records plus these amounts is the sum of the ledger, whatever they are.
"""

from collections.abc import Iterable
from typing import Final

from otel_agent.ledger.evidence import LedgerFacts
from otel_agent.model import State, UsageSource
from otel_agent.verify.amounts import ROUNDING_NUSD, Cause
from otel_agent.verify.scratch import CATEGORIES, KEY, NUMBERS, Scratch

_LATER_MS: Final = 60_000
"""OpenCode writes a record for the last time within a second of its completion, unless it changes it afterwards."""

_COUNTED: Final = f"{State.COUNTED:d}"
_OF_MESSAGES: Final = f"source <> {UsageSource.UNATTRIBUTED:d}"
_USED: Final = f"({' + '.join(f'e.{name}' for name in CATEGORIES)} > 0)"


def _same(left: str, right: str) -> str:
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in KEY)


_INSERT: Final = "INSERT INTO difference "
_LESS: Final = ", ".join(f"-c.{name}" for name in NUMBERS)
_MORE: Final = ", ".join(f"e.{name}" for name in NUMBERS)
_CHANGE: Final = ", ".join(f"e.{name} - c.{name}" for name in NUMBERS)

_IS_EQUAL: Final = (
    f"({', '.join(f'e.{name}' for name in CATEGORIES)}) = ({', '.join(f'c.{name}' for name in CATEGORIES)})"
)
_ENDED: Final = "coalesce(e.completed_ms, e.created_ms)"

_TWICE: Final = (
    f"{_INSERT} SELECT '{Cause.RECORDED_TWICE}', 1, id, session_id, ended_ms, provider, model, 1 - candidates, "
    f"{', '.join(f'{name} - all_{name}' for name in NUMBERS)} FROM call WHERE candidates > 1"
)

_HAS_COUNTED_TWIN: Final = (
    f"EXISTS (SELECT 1 FROM entry AS t WHERE {_same('t', 'c')} AND t.state = {_COUNTED} AND t.id <> c.id)"
)
_NOT_COUNTED: Final = f"""
{_INSERT}
SELECT CASE
    WHEN e.state = {State.COPY:d} THEN iif(c.copy OR {_HAS_COUNTED_TWIN}, '{Cause.FORK_COPY}', '{Cause.NO_ORIGINAL}')
    WHEN e.state = {State.SKIPPED:d} AND {_ENDED} < :from_ms THEN '{Cause.BACKFILL}'
    WHEN c.copy THEN '{Cause.FORK_COPY}'
    WHEN c.completed_ms IS NULL THEN '{Cause.UNFINISHED}'
    WHEN e.state = {State.SUSPECTED_COPY:d} THEN '{Cause.UNREAD}'
    WHEN c.id IN (SELECT id FROM unreadable) THEN '{Cause.UNREADABLE}'
    ELSE '{Cause.MISSING}' END,
    1, c.id, c.session_id, c.ended_ms, c.provider, c.model, -1, {_LESS}
FROM call AS c LEFT JOIN entry AS e ON e.id = c.id
WHERE c.candidates AND e.state IS NOT {_COUNTED}
"""

_TWICE_IN_LEDGER: Final = f"""c.copy
    AND (SELECT count(*) FROM entry AS t WHERE {_same("t", "c")} AND t.state = {_COUNTED})
    > (SELECT count(*) FROM call AS t WHERE {_same("t", "c")} AND t.candidates AND NOT t.copy
        AND NOT EXISTS (SELECT 1 FROM entry AS s WHERE s.id = t.id AND s.state = {State.SKIPPED:d}))"""
_COUNTED_COPIES: Final = (
    f"FROM call AS c JOIN entry AS e ON e.id = c.id WHERE c.candidates AND e.state = {_COUNTED} AND {_TWICE_IN_LEDGER}"
)
_COPIES_LEFT_OUT: Final = f"""
{_INSERT}
SELECT '{Cause.FORK_COPY}', 1, c.id, c.session_id, c.ended_ms, c.provider, c.model, -1, {_LESS} {_COUNTED_COPIES}
"""
_COPIES_COUNTED: Final = f"""
{_INSERT}
SELECT '{Cause.DOUBLED}', 1, c.id, c.session_id, c.ended_ms, c.provider, c.model, 1,
    {", ".join(f"c.{name}" for name in NUMBERS)} {_COUNTED_COPIES}
"""
"""The recount leaves a copy out; if the ledger counts both, that is one too many."""

_WAS_LOWERED: Final = f"""(
    {" AND ".join(f"e.{name} >= c.{name}" for name in NUMBERS)}
    AND c.written_ms > c.ended_ms + {_LATER_MS} AND c.written_ms > :ledger_ms
)"""
"""The record was written again long after the call, and while there was a ledger: it may have had more before."""
_OTHER_NUMBERS: Final = f"""
{_INSERT}
SELECT CASE
    WHEN {_IS_EQUAL} AND abs(e.cost_nusd - c.cost_nusd) <= {ROUNDING_NUSD} THEN '{Cause.ROUNDING}'
    WHEN {_WAS_LOWERED} THEN '{Cause.CORRECTED}' ELSE '{Cause.NUMBERS}' END,
    1, c.id, c.session_id, c.ended_ms, c.provider, c.model, 0, {_CHANGE}
FROM call AS c JOIN entry AS e ON e.id = c.id
WHERE c.candidates AND e.state = {_COUNTED}
    AND ({", ".join(f"e.{name}" for name in NUMBERS)}) <> ({", ".join(f"c.{name}" for name in NUMBERS)})
"""

_ELSEWHERE: Final = f"""
{_INSERT}
SELECT iif((e.provider, e.model, e.session_id) = (c.provider, c.model, c.session_id)
    AND e.generation <> 'v2' AND c.form = 'v2', '{Cause.MOVED}', '{Cause.ELSEWHERE}'),
    0, c.id, e.session_id, {_ENDED}, e.provider, e.model, 1, {_MORE}
FROM call AS c JOIN entry AS e ON e.id = c.id
WHERE c.candidates AND e.state = {_COUNTED} AND (
    (e.provider, e.model, e.session_id) <> (c.provider, c.model, c.session_id)
    OR ({_ENDED} <> c.ended_ms AND day({_ENDED}) <> day(c.ended_ms)))
"""

_GONE: Final = f"""
{_INSERT}
SELECT CASE
    WHEN c.id IS NOT NULL THEN iif({_USED}, '{Cause.NUMBERS}', '{Cause.UNFINISHED}')
    WHEN e.id = '' OR e.id IN (SELECT id FROM trouble) THEN '{Cause.UNREADABLE}'
    WHEN e.number > :last_number THEN '{Cause.JUST_COUNTED}'
    WHEN {_USED} AND EXISTS (
        SELECT 1 FROM entry AS t WHERE {_same("t", "e")} AND t.state = {_COUNTED} AND t.id <> e.id
    ) THEN '{Cause.DOUBLED}'
    WHEN EXISTS (SELECT 1 FROM trouble WHERE id = '') THEN '{Cause.UNREADABLE}'
    WHEN e.session_id IN (SELECT id FROM session) THEN '{Cause.DELETED}'
    ELSE '{Cause.SESSION_DELETED}' END,
    1, e.id, e.session_id, {_ENDED}, e.provider, e.model, 1, {_MORE}
FROM entry AS e LEFT JOIN call AS c ON c.id = e.id
WHERE e.state = {_COUNTED} AND e.{_OF_MESSAGES} AND ifnull(c.candidates, 0) = 0
"""


def find_differences(scratch: Scratch, facts: LedgerFacts, *, last_number: int) -> None:
    """Fill the table ``difference`` with every difference of single messages.

    ``last_number`` is the ledger's last message before the stores were read: a later one can be newer than them.
    """
    bound = {"from_ms": facts.backfill_from_ms, "last_number": last_number, "ledger_ms": facts.created_ms}
    for query in (_TWICE, _NOT_COUNTED, _COPIES_LEFT_OUT, _COPIES_COUNTED, _OTHER_NUMBERS, _ELSEWHERE, _GONE):
        scratch.database.execute(query, bound)


def doubt_corrections(scratch: Scratch, models: Iterable[tuple[str, str]]) -> None:
    """Call the corrections of these providers and models wrong numbers: nothing of the kind was ever published."""
    for provider, model in models:
        scratch.database.execute(
            f"UPDATE difference SET cause = '{Cause.NUMBERS}' WHERE cause = '{Cause.CORRECTED}' "
            "AND published_name(provider) = ? AND model = ?",
            (provider, model),
        )

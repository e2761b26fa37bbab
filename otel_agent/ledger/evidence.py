"""The ledger as a proof of count needs it: every message, the published totals, and the facts beside them."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from otel_agent.ledger import accepted_by, kept_sums, kept_totals
from otel_agent.ledger.calls_agree import differing_calls
from otel_agent.model import Problem, ProblemKind

_ROW: Final = (
    "number, id, session_id, generation, state, created_ms, completed_ms, provider, model, "
    "input, output, reasoning, cache_read, cache_write, cost_nusd, source, cached_in_input, reasoning_in_output"
)

Row = tuple[object, ...]
"""Number, id, session, generation, state, created, completed, provider, model, the five tokens, cost, source, and the two
overlaps (cached tokens in input, reasoning in output)."""


class LedgerFacts(Struct, frozen=True):
    """The facts of the ledger as a whole."""

    instance_id: str
    created_ms: int
    backfill_from_ms: int
    epoch_message: int
    """Messages up to this number belong to the totals of another identity."""
    swept_ms: int
    """The time at which everything was read last; 0 if the first pass has not ended."""
    accepted_by: str = ""
    """The backend that accepted totals last, in words; empty if none did or nobody knows."""


class Published(Struct, frozen=True):
    """One series: its current value, and what is known of the backend's. All in the metric's smallest unit."""

    metric: str
    attributes: dict[str, str | bool]
    value: int
    accepted: int
    unanswered: int | None
    """A value that was sent without an answer: the backend may have it."""
    accepted_ns: int


class Evidence:
    """Reads the ledger's tables whole. Each answer shows one moment; ``Queries.moment`` gives several the same one."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def last_number(self) -> int:
        """Return the number of the message that was entered last, 0 if there is none."""
        return int(self._database.execute("SELECT ifnull(max(number), 0) FROM message").fetchone()[0])

    def rows(self) -> Iterator[Row]:
        """Yield every message in any state, and the rows of usage that belongs to no message."""
        yield from self._database.execute(f"SELECT {_ROW} FROM whole_message")

    def differing_sums(self) -> dict[str, int]:
        """Return how many of the sums that are kept are not what the messages add up to, by table."""
        found = kept_sums.differing(self._database)
        if number := differing_calls(self._database):
            found["totals of tool calls"] = number
        return found

    def facts(self) -> LedgerFacts:
        """Return the facts of the ledger as a whole."""
        meta = dict(self._database.execute("SELECT key, value FROM meta").fetchall())
        backfill_ms, epoch, swept_ms = (
            int(meta.get(key, 0)) for key in ("backfill_from_ms", "epoch_message", "swept_ms")
        )
        created_ms = int(meta.get("created_ns", 0)) // 1_000_000
        by, _ = accepted_by.of_facts(meta)
        return LedgerFacts(str(meta.get("instance_id", "")), created_ms, backfill_ms, epoch, swept_ms, by)

    def kept(self) -> list[Published]:
        """Return by how much totals were raised to what the backend has, because OpenCode no longer has all of it."""
        meta = dict(self._database.execute("SELECT key, value FROM meta WHERE key = ?", (kept_totals.KEY,)).fetchall())
        return [
            Published(metric, json.loads(attributes), amount, 0, None, 0)
            for metric, attributes, amount in kept_totals.kept(meta)
        ]

    def problems(self) -> list[Problem]:
        """Return each place that could not be read or counted."""
        rows = self._database.execute("SELECT kind, place, detail FROM problem")
        return [Problem(ProblemKind(kind), place, detail) for kind, place, detail in rows]

    def published(self, metrics: Sequence[str]) -> list[Published]:
        """Return the series of these metrics. A series that the backend never accepted has an accepted value of 0.

        What another backend accepted before counts as never accepted.
        """
        query = (
            "SELECT metric, attributes, value, iif(told_ns >= ?1, ifnull(told_value, 0), 0), "
            "iif(open_ns >= ?1, open_value, NULL), told_ns FROM series "
            "WHERE metric IN (SELECT value FROM json_each(?2)) ORDER BY metric, attributes"
        )
        meta = dict(self._database.execute("SELECT key, value FROM meta").fetchall())
        _, since_ns = accepted_by.of_facts(meta)
        rows = self._database.execute(query, (since_ns, json.dumps(list(metrics))))
        return [Published(row[0], json.loads(row[1]), *row[2:]) for row in rows]

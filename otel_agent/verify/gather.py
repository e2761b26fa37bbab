"""Adds up the differences of a comparison, and makes the report of them."""

from collections.abc import Iterable, Sequence
from typing import Final

from otel_agent.ledger.answers import UNATTRIBUTED
from otel_agent.model import State, UsageSource
from otel_agent.verify.amounts import Amount, Cause
from otel_agent.verify.own_totals import OwnTotals
from otel_agent.verify.published import Difference
from otel_agent.verify.report import Explained, StoreLine, Unexplained
from otel_agent.verify.scratch import NUMBERS, Scratch


def _sums(columns: Iterable[str]) -> str:
    return ", ".join(f"ifnull(sum({column}), 0)" for column in columns)


_SUMS: Final = _sums(("messages", *NUMBERS))
_COUNTED: Final = f"state = {State.COUNTED:d}"
_MODEL: Final = f"iif(model = '' AND provider = '', '{UNATTRIBUTED}', provider || '/' || model)"
_ENDED: Final = "coalesce(completed_ms, created_ms)"


class Gathered:
    """The sums of one comparison, read from its scratch database."""

    def __init__(self, scratch: Scratch, own: OwnTotals) -> None:
        self._database = scratch.database
        self.records = self._amount(f"SELECT {_sums(('candidates', *(f'all_{name}' for name in NUMBERS)))} FROM call")
        self.ledger = self._amount(
            f"SELECT {_sums((f'source <> {UsageSource.UNATTRIBUTED:d}', *NUMBERS))} FROM entry WHERE {_COUNTED}"
        )
        self._start = self.records.plus(own.only_in_totals)

    def stores(self, names: Sequence[str]) -> list[StoreLine]:
        """Return each store with the number of its records."""
        counts = dict(self._database.execute("SELECT store, count(*) FROM record GROUP BY store").fetchall())
        return [StoreLine(name, counts.get(name, 0)) for name in names]

    def explained(self, beside: Sequence[Difference]) -> list[Explained]:
        """Return the sum of each explained cause; ``beside`` are differences of the published totals."""
        query = f"SELECT cause, walk, count(DISTINCT session_id), {_SUMS} FROM difference GROUP BY cause, walk"
        rows = {(Cause(row[0]), bool(row[1])): (row[2], Amount(*row[3:])) for row in self._database.execute(query)}
        for each in beside:
            sessions, before = rows.get((each.cause, False), (0, Amount()))
            rows[each.cause, False] = sessions, before.plus(each.amount)
        order = list(Cause)
        return [
            Explained(cause, cause.meaning, walk, amount, sessions)
            for (cause, walk), (sessions, amount) in sorted(
                rows.items(), key=lambda item: (not item[0][1], order.index(item[0][0]))
            )
            if cause.is_explained and amount != Amount()
        ]

    def unexplained(self, beside: Sequence[Difference]) -> list[Unexplained]:
        """Return what is unexplained, by cause, day, model and session, the newest day first."""
        causes = ", ".join(f"'{cause}'" for cause in Cause if not cause.is_explained)
        of_a_place = f"cause IN ('{Cause.UNSEEN}', '{Cause.SUMS}')"
        query = (
            f"SELECT cause, day(ended_ms), iif({of_a_place}, '', {_MODEL}), session_id, iif({of_a_place}, id, ''), {_SUMS} "
            f"FROM difference WHERE cause IN ({causes}) GROUP BY 1, 2, 3, 4, 5 ORDER BY 2 DESC, 1, 3, 4"
        )
        found = [
            Unexplained(
                Cause(cause), Cause(cause).meaning + (what and f": {what}"), day, model, session, Amount(*numbers)
            )
            for cause, day, model, session, what, *numbers in self._database.execute(query)
        ]
        found += [
            Unexplained(each.cause, each.cause.meaning, "", _name(each), "", each.amount)
            for each in beside
            if not each.cause.is_explained
        ]
        walked = self._start.plus(self._amount(f"SELECT {_SUMS} FROM difference WHERE walk"))
        if not walked.is_close_to(self.ledger):
            amount = self.ledger.minus(walked)
            found.append(Unexplained(Cause.UNBALANCED, Cause.UNBALANCED.meaning, "", "", "", amount))
        return found

    def keys(self, what: str) -> list[str]:
        """Return every day, model or session that the ledger counts."""
        columns = {"day": f"day({_ENDED})", "model": _MODEL, "session": "session_id"}
        query = f"SELECT DISTINCT {columns[what]} FROM entry WHERE {_COUNTED}"
        return [row[0] for row in self._database.execute(query)]

    def uncompared(self, what: str) -> set[str]:
        """Return every day, model or session that may have something in a place that cannot be read."""
        columns = {"day": "day(ended_ms)", "model": _MODEL, "session": "session_id"}
        query = (
            f"SELECT DISTINCT {columns[what]} FROM difference WHERE cause = '{Cause.UNREADABLE}' AND walk AND messages > 0 "
            "AND EXISTS (SELECT 1 FROM trouble WHERE id = '')"
        )
        return {row[0] for row in self._database.execute(query)}

    def number_missing(self) -> int:
        """Return how many records are missing in the ledger without a reason."""
        query = f"SELECT count(*) FROM difference WHERE cause = '{Cause.MISSING}'"
        return int(self._database.execute(query).fetchone()[0])

    def _amount(self, query: str) -> Amount:
        return Amount(*self._database.execute(query).fetchone())


def _name(difference: Difference) -> str:
    return "/".join(filter(None, (difference.provider, difference.model))) or UNATTRIBUTED

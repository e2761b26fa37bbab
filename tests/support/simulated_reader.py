"""The agent's passes over the stores of a simulated machine, in this process, and what its ledger holds afterwards."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from otel_agent.intake.ingest import Ingest, Rules
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.place import ledger_path
from otel_agent.ledger.writer import Ledger
from otel_agent.opencode.locations import find_stores, locations
from otel_agent.semconv import COST_USAGE, TOKEN_USAGE
from otel_agent.semconv.attributes import Attr
from otel_agent.series.attributes import from_json
from tests.support.ledgers import assert_sums_are_right
from tests.support.made_stores import Tokens
from tests.support.made_stores.simulated.truth import DAY
from tests.support.made_stores.simulated.world import World

RULES = Rules(disjoint=False, session_window_ms=DAY, max_series=1_000, killed_grace_ms=3_600_000)


@dataclass(frozen=True, slots=True)
class Counted:
    """What is published, by source, and the messages that count."""

    tokens: dict[str, Tokens]
    cost_nusd: int
    messages: int
    problems: list[str]


class Reader:
    """An agent beside the programs of a world. ``look`` is one pass; ``restart`` starts it again with the same ledger."""

    def __init__(self, world: World, state: Path) -> None:
        self._world, self._state = world, state
        self._places = locations({"HOME": "/nowhere", "XDG_DATA_HOME": str(world.folder.parent)})
        self._ledger, self._ingest = self._opened()

    def look(self, *, sweep: bool = False) -> None:
        self._ingest.run(sweep=sweep)
        self._world.truth.look(self._world.now)

    def restart(self) -> None:
        self.close()
        self._ledger, self._ingest = self._opened()

    def close(self) -> None:
        self._ingest.close()
        self._ledger.close()

    def counted(self) -> Counted:
        """Return what the series say, and check that the ledger's rows and its kept sums say the same."""
        assert_sums_are_right(self._state)
        with closing(sqlite3.connect(ledger_path(self._state))) as ledger:
            series = ledger.execute("SELECT metric, attributes, value FROM series").fetchall()
            rows = ledger.execute(
                "SELECT sum(input), sum(output), sum(reasoning), sum(cache_read), sum(cache_write), sum(cost_nusd), "
                "sum(source < 2) FROM message WHERE state = 2"
            ).fetchone()
            problems = [f"{place}: {detail}" for place, detail in ledger.execute("SELECT place, detail FROM problem")]
        tokens: dict[str, Tokens] = {}
        cost = 0
        for metric, attributes, value in series:
            facts = from_json(attributes)
            if metric == TOKEN_USAGE.name:
                kind = {str(facts[Attr.TOKEN_TYPE]): value}
                source = str(facts[Attr.USAGE_SOURCE])
                tokens[source] = tokens.get(source, Tokens()).plus(Tokens(**kind))
            elif metric == COST_USAGE.name:
                cost += value
        whole = Tokens().plus(*tokens.values())
        assert (*whole, cost) == tuple(number or 0 for number in rows[:6]), "the series and the ledger differ"
        return Counted({key: used for key, used in tokens.items() if any(used)}, cost, rows[6] or 0, problems)

    def _opened(self) -> tuple[Ledger, Ingest]:
        ledger = open_ledger(self._state, now_ns=self._now(), backfill_from_ms=0)
        return ledger, Ingest(ledger, lambda: find_stores(self._places), RULES, now_ns=self._now)

    def _now(self) -> int:
        return self._world.now * 1_000_000

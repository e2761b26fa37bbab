"""A compaction that ends after more than a day was counted without its row. With the row it counts no second time, whatever
else the ledger has to find out about the totals of its session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.made_stores import DatabaseV2, Message, Tokens, message, session
from tests.support.made_stores.simulated.truth import DAY
from tests.support.made_stores.simulated.world import START_MS, World
from tests.support.simulated_reader import Reader

USED, SUMMED = Tokens(1_200, 80, 20, 400, 10), Tokens(500, 60)
SMALL, LARGE = Tokens(207, 12), Tokens(900, 90)
HOUR = 3_600_000


@dataclass
class Watched:
    """A database, and an agent that looks at it: the same process each time, or a new one."""

    database: DatabaseV2
    world: World
    reader: Reader
    anew: bool

    def look(self) -> None:
        if self.anew:
            self.reader.restart()
        self.world.tick(60_000)
        self.reader.look()

    def tokens(self) -> Tokens:
        return Tokens().plus(*self.reader.counted().tokens.values())


@pytest.fixture(params=[False, True], ids=["one process", "a new process each time"])
def watched(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Watched]:
    world = World(tmp_path / "data" / "opencode")
    database = DatabaseV2(world.folder / "opencode.db").create()
    reader = Reader(world, tmp_path / "state")
    yield Watched(database, world, reader, request.param)
    reader.close()
    world.close()


def compaction_of(at: Message) -> Message:
    """One that began a day and some hours after the first look."""
    return message(at.session, SUMMED, START_MS + 2 * HOUR, counter=2)


@pytest.mark.parametrize("title", [SMALL, LARGE], ids=["smaller", "larger"])
def test_a_title_that_came_back_with_a_newer_copy(watched: Watched, title: Tokens) -> None:
    """An older copy was in place for a while. It is noted that its totals do not hold the title."""
    of = session(START_MS - HOUR, version="2.0.17", totals=USED.plus(title))
    first = message(of, USED, START_MS - HOUR + 500)
    watched.database.put(of.project, of, first)
    watched.look()
    watched.database.put(replace(of, totals=USED))
    watched.look()
    watched.database.put(replace(of, totals=USED.plus(title, SUMMED)))
    watched.database.put_compaction(compaction_of(first), "running")
    watched.world.tick(2 * DAY)
    watched.look()
    assert watched.tokens() == USED.plus(title, SUMMED)
    watched.database.put_compaction(compaction_of(first))
    for _ in range(2):
        watched.look()
    assert watched.tokens() == USED.plus(title, SUMMED)


@pytest.mark.parametrize("title", [SMALL, LARGE], ids=["smaller", "larger"])
def test_a_title_that_the_totals_do_not_hold_any_more(watched: Watched, title: Tokens) -> None:
    of = session(START_MS - HOUR, version="2.0.17", totals=USED.plus(title))
    first = message(of, USED, START_MS - HOUR + 500)
    watched.database.put(of.project, of, first)
    watched.look()
    watched.database.put(replace(of, totals=USED))
    watched.look()
    watched.database.put(replace(of, totals=USED.plus(SUMMED)))
    watched.database.put_compaction(compaction_of(first), "running")
    watched.world.tick(2 * DAY)
    watched.look()
    watched.database.put_compaction(compaction_of(first))
    for _ in range(2):
        watched.look()
    assert watched.tokens() == USED.plus(title, SUMMED)

"""Each kind of store that 2.x leaves behind counts to the unit, whenever the agent comes and however often it looks."""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.made_stores import Tokens
from tests.support.made_stores.simulated.kinds import KINDS, Kind
from tests.support.made_stores.simulated.truth import DAY
from tests.support.made_stores.simulated.world import World
from tests.support.simulated_reader import Reader


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data" / "opencode")
    yield world
    world.close()


@pytest.fixture
def reader(tmp_path: Path, world: World) -> Iterator[Reader]:
    reader = Reader(world, tmp_path / "state")
    yield reader
    reader.close()


TOTALS_FELL_UNSEEN = {"transferred_after_it_went_on", "imported_twice", "imported_twice_as_if_never"}
"""An import set the totals of a session back, and nobody looked until they had grown again. Nobody can
say then whether they hold more than its messages now, or held it before. It may be too little, and is never too much."""
SET_OFF = {"compaction_of_a_day"}
"""Usage that first counts as unattributed and then gets a row: it counts once, under either source."""


def look_until_nothing_changes(world: World, reader: Reader) -> None:
    """Look beyond every grace period, and as a new process."""
    for _ in range(2):
        reader.look()
    world.tick(3 * DAY)
    reader.look(sweep=True)
    reader.restart()
    for _ in range(2):
        reader.look(sweep=True)


def check(world: World, reader: Reader, kind: Kind) -> None:
    look_until_nothing_changes(world, reader)
    counted, truth = reader.counted(), world.truth.tokens()
    if kind.__name__ in SET_OFF:
        assert Tokens().plus(*counted.tokens.values()) == Tokens().plus(*truth.values())
    else:
        assert counted.tokens == truth
    assert counted.cost_nusd == world.truth.cost_nusd()
    assert counted.messages == world.truth.messages()
    assert counted.problems == []


def test_every_kind_counts_for_an_agent_that_comes_afterwards(kind: Kind, world: World, reader: Reader) -> None:
    kind(world)
    reader.look(sweep=True)
    check(world, reader, kind)


def test_every_kind_counts_for_an_agent_that_looks_after_each_commit(kind: Kind, world: World, reader: Reader) -> None:
    reader.look(sweep=True)  # as an agent does when it starts
    world.after_commit = reader.look
    kind(world)
    check(world, reader, kind)


@functools.cache
def number_of_commits(kind: Kind) -> int:
    """Rehearse the history, and return how often its programs commit."""
    commits = itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        rehearsal = World(Path(folder) / "data" / "opencode")
        rehearsal.after_commit = functools.partial(next, commits)
        kind(rehearsal)
        rehearsal.close()
    return next(commits)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_every_kind_counts_for_an_agent_that_comes_in_between(
    kind: Kind, world: World, reader: Reader, quarters: int
) -> None:
    left = number_of_commits(kind) * quarters // 4

    def look_once() -> None:
        nonlocal left
        left -= 1
        if not left:
            reader.look(sweep=True)

    world.after_commit = look_once
    kind(world)
    if kind.__name__ not in TOTALS_FELL_UNSEEN:
        check(world, reader, kind)
        return
    look_until_nothing_changes(world, reader)
    counted, truth = reader.counted(), world.truth.tokens()
    for source in ("message", "compaction"):
        assert counted.tokens.get(source) == truth.get(source)
    assert counted.cost_nusd <= world.truth.cost_nusd()


def test_every_kind_counts_for_an_agent_that_is_restarted_all_the_time(
    kind: Kind, world: World, reader: Reader
) -> None:
    commits = 0

    def look_anew() -> None:
        nonlocal commits
        commits += 1
        if not commits % 5:
            reader.restart()
            reader.look(sweep=True)

    world.after_commit = look_anew
    kind(world)
    check(world, reader, kind)

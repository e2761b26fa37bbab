"""The rules by which stores of 2.x count, one by one. `test_simulated_stores` has them all together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.made_stores import Tokens
from tests.support.made_stores.simulated.one import OpenCode1
from tests.support.made_stores.simulated.rare import Rare
from tests.support.made_stores.simulated.truth import DAY
from tests.support.made_stores.simulated.world import World
from tests.support.simulated_reader import Reader


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


def used(world: World, *numbers: int) -> Tokens:
    """What these calls used, counted from 1."""
    return Tokens().plus(*(world.truth.calls[number - 1].tokens for number in numbers))


def test_a_fork_made_in_2_x_of_a_session_that_came_from_1_x_counts_nothing_again(world: World, reader: Reader) -> None:
    """The import gave the original another time of completion, and the agent was there before."""
    old = OpenCode1(world)
    session = old.session()
    old.ask(session, rounds=2, touched_ms=3 * DAY)
    reader.look()
    new = Rare(world)
    new.upgrade()
    reader.look()
    new.fork(session)
    reader.look()
    assert reader.counted().tokens == {"message": used(world, 1, 2)}


def test_a_ledger_begun_after_the_upgrade_counts_no_fork_copy_of_1_x(world: World, reader: Reader) -> None:
    old = OpenCode1(world)
    session = old.session()
    old.ask(session, rounds=2)
    old.fork(session)
    world.tick(DAY)
    Rare(world).upgrade()
    reader.look()
    assert reader.counted().tokens == {"message": used(world, 1, 2)}
    assert reader.counted().messages == 2


def test_a_fork_made_while_the_clock_was_behind_counts_nothing_again(world: World, reader: Reader) -> None:
    """Neither its id nor its session is later than what it copied."""
    old = OpenCode1(world)
    session = old.session()
    old.ask(session)
    world.tick(-10 * 60_000)
    old.fork(session)
    reader.look()
    assert reader.counted().tokens == {"message": used(world, 1)}


def test_a_fork_of_2_x_that_went_on_while_the_clock_was_behind_has_no_usage_twice(world: World, reader: Reader) -> None:
    new = Rare(world)
    session = new.session()
    new.ask(session)
    fork = new.fork(session)
    world.tick(-DAY)
    new.ask(fork)
    reader.look()
    assert reader.counted().tokens == {"message": used(world, 1, 2)}


def test_reverted_rows_that_a_fork_has_copied_count_once(world: World, reader: Reader) -> None:
    """The copy counts in their place, and the totals of the session hold them too."""
    new = Rare(world)
    session = new.session()
    new.ask(session)
    deeper = new.fork(new.fork(session))
    new.revert(session, 0)
    new.ask(session)
    new.ask(deeper)
    for _ in range(2):
        reader.look()
        assert reader.counted().tokens == {"message": used(world, 1, 2, 3)}


def test_a_retry_that_uses_the_row_of_a_failed_attempt_counts_once_with_its_copies(
    world: World, reader: Reader
) -> None:
    new = Rare(world)
    session = new.session()
    world.after_commit = reader.look
    new.retry(session, failed=True)
    new.fork(session)
    assert reader.counted().tokens == {"message": used(world, 1)}


def test_rows_that_another_import_made_of_1_x_are_in_the_totals(world: World, reader: Reader) -> None:
    """1.x wrote them after the first import; the second one added them to the totals."""
    old = OpenCode1(world)
    session = old.session()
    old.ask(session)
    new = Rare(world)
    new.upgrade()
    old.ask(session)
    world.tick(DAY)
    new.set_marker_back(removed=False)
    new.upgrade()
    reader.look()
    assert reader.counted().tokens == {"message": used(world, 1, 2)}


def test_totals_that_an_import_set_back_count_what_they_gain(world: World, reader: Reader) -> None:
    old = OpenCode1(world)
    session = old.session()
    old.ask(session)
    new = Rare(world)
    new.upgrade()
    new.ask(session)
    reader.look()
    new.set_marker_back(removed=True)
    new.upgrade()
    reader.look()
    new.compact(session, end="interrupted")
    reader.look()
    reader.restart()
    reader.look(sweep=True)
    assert reader.counted().tokens == {"message": used(world, 1, 2), "unattributed": used(world, 3)}


def test_a_session_that_goes_on_in_two_stores_has_the_calls_of_both(world: World, reader: Reader) -> None:
    """The totals of each store hold its own messages and not the other's."""
    one, other = Rare(world), Rare(world, "opencode-local.db")
    session = one.session(title=None)
    one.ask(session)
    one.title(session)
    other.take_in(one.exported(session))
    for program in (one, other):
        program.ask(session)
    for _ in range(2):
        reader.look()
        assert reader.counted().tokens == {"message": used(world, 1, 3, 4), "unattributed": used(world, 2)}


def test_a_preview_on_a_database_of_1_x_is_read(world: World, reader: Reader) -> None:
    old = OpenCode1(world)
    old.ask(old.session())
    beta = Rare(world, version="2.0.0-beta.2", preview=True)
    session = beta.session()
    beta.ask(session)
    beta.title(session)
    reader.look(sweep=True)
    assert reader.counted().tokens == {"message": used(world, 1, 2), "unattributed": used(world, 3)}
    assert reader.counted().problems == []


RENAMED = "json_remove(json_set(data, '$.usage', data->'$.tokens', '$.end', data->'$.finish'), '$.tokens', '$.finish')"


def test_rows_whose_tokens_and_finish_have_other_names_are_a_problem(world: World, reader: Reader) -> None:
    """One looks like a call that was killed; all together they do not. The totals still say what was used."""
    new = Rare(world, version="2.4.0")
    session = new.session()
    for number in range(1, 5):
        new.ask(session)
        with new.commit():
            new.run(
                f"UPDATE session_message SET data = {RENAMED} WHERE type = 'assistant' AND data->'$.tokens' IS NOT NULL"
            )
        reader.look()
        assert bool(reader.counted().problems) == (number >= 3)
    assert "OpenCode 2.4.0" in reader.counted().problems[0]
    assert reader.counted().tokens == {"unattributed": used(world, 1, 2, 3, 4)}


def test_calls_that_were_killed_now_and_then_are_no_problem(world: World, reader: Reader) -> None:
    new = Rare(world)
    session = new.session()
    for _ in range(4):
        new.start_after_kill(session, new.kill(session))
        reader.look(sweep=True)
    assert reader.counted().problems == []


def test_a_row_whose_time_of_completion_has_another_name_is_a_problem_at_once(world: World, reader: Reader) -> None:
    new = Rare(world, version="2.4.0")
    session = new.session()
    new.ask(session)
    with new.commit():
        renamed = "json_remove(json_set(data, '$.time.ended', data->'$.time.completed'), '$.time.completed')"
        new.run(f"UPDATE session_message SET data = {renamed} WHERE type = 'assistant'")
    reader.look()
    assert "no readable time of completion; in a session of OpenCode 2.4.0" in reader.counted().problems[0]
    world.tick(DAY)
    reader.look()
    assert reader.counted().tokens == {"message": used(world, 1)}


def test_a_call_that_1_x_left_open_is_no_problem_after_the_upgrade(world: World, reader: Reader) -> None:
    old = OpenCode1(world)
    old.killed(old.session(), with_tokens=True)
    Rare(world).upgrade()
    reader.look()
    assert reader.counted().problems == []

"""The sums that are kept beside the messages. That they agree with the messages is checked wherever a ledger is closed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from otel_agent.ledger.answers import SLOT_MS, Group, ProjectKey, Scope, Usage
from otel_agent.ledger.late_indexes import has_indexes
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.place import ledger_path
from otel_agent.ledger.queries import Queries, open_to_read
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Generation, Overlap, Tokens
from tests.support.records import LONG_AFTER, MINUTE, START_NS, T0, call, copy_of, end_pass, enter, in_flight

ONE, TWO, FOUR = Tokens(1), Tokens(2), Tokens(4)
FIRST_SLOT = T0 // SLOT_MS * SLOT_MS


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """The folder in which the fixture `ledger` has its file."""
    return tmp_path / "state"


@contextmanager
def reading(state_dir: Path) -> Iterator[Queries]:
    with open_to_read(state_dir) as queries:
        assert queries is not None
        yield queries


def sums(groups: list[Group]) -> dict[tuple[str, ...], tuple[int, int, int]]:
    """Return messages, sessions and input tokens of each group."""
    return {each.key: (each.usage.messages, each.usage.sessions, each.usage.tokens.input) for each in groups}


def test_a_session_counts_once_for_each_model_agent_and_project(ledger: Ledger, state_dir: Path) -> None:
    where = {"session_id": "ses_a", "worktree": "/w", "directory": "/w/x"}
    enter(ledger, call(0, ONE, model="a", **where), call(1, TWO, model="b", **where))
    enter(ledger, call(2, FOUR, model="a", agent="plan", **where), call(3, ONE, model="a", session_id="ses_b"))
    with reading(state_dir) as queries:
        assert sums(queries.by_model(Scope())) == {("anthropic", "a"): (3, 2, 6), ("anthropic", "b"): (1, 1, 2)}
        assert sums(queries.by_agent(Scope())) == {("build",): (3, 2, 4), ("plan",): (1, 1, 4)}
        projects = {("/w",): (3, 1, 7), ("/home/dev/persona",): (1, 1, 1)}
        assert sums(queries.by_project(Scope(), separate_global=False)) == projects
        assert queries.usage(Scope()) == Usage(4, 2, Tokens(8), Overlap(), 8_000)
        assert set(queries.project_keys()) == {ProjectKey("/home/dev/persona", ""), ProjectKey("/w", "/w/x")}


def test_places_outside_any_project_are_one_or_many(ledger: Ledger, state_dir: Path) -> None:
    enter(ledger, call(0, ONE, worktree="/", directory="/a"), call(3, TWO, worktree="", directory="/b"))
    with reading(state_dir) as queries:
        assert sums(queries.by_project(Scope(), separate_global=False)) == {("",): (2, 1, 3)}
        separate = {("", "/a"): (1, 1, 1), ("", "/b"): (1, 1, 2)}
        assert sums(queries.by_project(Scope(), separate_global=True)) == separate


def test_whole_quarters_of_an_hour_and_others_have_the_same_answer(ledger: Ledger, state_dir: Path) -> None:
    """`call` numbers are minutes: from the beginning of the first slot, a quarter of an hour has one after another."""
    calls = [replace(call(number, ONE), created_ms=FIRST_SLOT + number * MINUTE) for number in range(40)]
    calls = [replace(each, completed_ms=each.created_ms + 1) for each in calls]
    enter(ledger, *calls)
    with reading(state_dir) as queries:
        of_second = Scope(since_ms=FIRST_SLOT + SLOT_MS, until_ms=FIRST_SLOT + 2 * SLOT_MS)
        assert queries.usage(of_second).messages == 15
        assert queries.first_and_last_ms(of_second) == (calls[15].completed_ms, calls[29].completed_ms)
        # Call 15 is in the range, and call 30 is not.
        odd = Scope(since_ms=FIRST_SLOT + SLOT_MS + 1, until_ms=FIRST_SLOT + 2 * SLOT_MS + 1)
        assert queries.usage(odd) == queries.usage(of_second)
        assert sorted(sums(queries.by_session(odd)).items()) == sorted(sums(queries.by_session(of_second)).items())
        slots = [(FIRST_SLOT + number * SLOT_MS, FIRST_SLOT + (number + 1) * SLOT_MS) for number in range(4)]
        by_slot = queries.by_period(Scope(), slots)
        assert {begin: (usage.messages, usage.sessions) for begin, usage in by_slot.items()} == {
            slots[0][0]: (15, 3),
            slots[1][0]: (15, 3),
            slots[2][0]: (10, 3),
        }
        assert queries.by_period(odd, slots) == {slots[1][0]: queries.usage(of_second)}
        assert queries.by_period(Scope(), [(begin + 1, end + 1) for begin, end in slots]) == {
            begin + 1: usage for begin, usage in by_slot.items()
        }
        # A range that begins and ends inside two periods cuts them.
        halves = [(slots[0][0], slots[1][1]), (slots[2][0], slots[3][1])]
        cut = queries.by_period(Scope(since_ms=slots[1][0], until_ms=slots[2][1]), halves)
        assert {begin: usage.messages for begin, usage in cut.items()} == {slots[0][0]: 15, slots[2][0]: 10}
        early = queries.by_period(Scope(until_ms=slots[0][1]), halves)
        assert {begin: usage.messages for begin, usage in early.items()} == {slots[0][0]: 15}
        # Hours of India, for example, begin between two quarters of an hour of others; here it is half of one.
        half = SLOT_MS // 2
        odd_periods = [(begin - half, end - half) for begin, end in slots]
        by_period = queries.by_period(Scope(), odd_periods)
        assert {begin: usage.messages for begin, usage in by_period.items()} == {
            slots[0][0] - half: 8,
            slots[1][0] - half: 15,
            slots[2][0] - half: 15,
            slots[3][0] - half: 2,
        }


def test_a_correction_raises_the_sums_and_counts_no_message(ledger: Ledger, state_dir: Path) -> None:
    enter(ledger, call(0, ONE))
    enter(ledger, call(0, FOUR))
    with reading(state_dir) as queries:
        assert queries.usage(Scope()) == Usage(1, 1, FOUR, Overlap(), 4_000)
        assert queries.usage(Scope(since_ms=0)) == Usage(1, 1, FOUR, Overlap(), 4_000)


def test_two_records_of_one_message_in_a_batch_add_up_to_the_larger_one(ledger: Ledger, state_dir: Path) -> None:
    enter(ledger, call(0, ONE, model="a"), call(0, FOUR, model="a"), call(1, TWO, model="a"))
    with reading(state_dir) as queries:
        assert sums(queries.by_model(Scope())) == {("anthropic", "a"): (2, 2, 6)}


def test_what_is_new_beside_a_killed_message_that_completes_counts_once(ledger: Ledger, state_dir: Path) -> None:
    """The sums of its quarter of an hour are made again, and the new message has its row by then."""
    late = T0 + 10 * SLOT_MS
    whole = replace(call(0, FOUR), completed_ms=late)
    enter(ledger, in_flight(whole))
    end_pass(ledger)
    enter(ledger, replace(call(3, ONE), completed_ms=late), whole)
    with reading(state_dir) as queries:
        slot = late // SLOT_MS * SLOT_MS
        assert queries.usage(Scope(since_ms=slot, until_ms=slot + SLOT_MS)) == Usage(2, 1, Tokens(5), Overlap(), 5_000)


def test_two_messages_that_complete_late_count_once_in_the_sums(ledger: Ledger, state_dir: Path) -> None:
    """One counted as killed, one still waits. Both complete in one batch, in one session and one quarter of an hour."""
    late = T0 + 10 * SLOT_MS
    killed, waiting = (replace(call(number, FOUR), completed_ms=late) for number in (0, 3))
    enter(ledger, in_flight(killed))
    end_pass(ledger)
    enter(ledger, in_flight(waiting))
    enter(ledger, waiting, killed)
    with reading(state_dir) as queries:
        slot = late // SLOT_MS * SLOT_MS
        assert queries.usage(Scope(since_ms=slot, until_ms=slot + SLOT_MS)) == Usage(2, 1, Tokens(8), Overlap(), 8_000)


def test_a_killed_message_that_completes_after_all_moves_to_its_time(ledger: Ledger, state_dir: Path) -> None:
    whole = replace(call(0, FOUR), completed_ms=T0 + 10 * SLOT_MS)
    enter(ledger, in_flight(whole, ONE), call(3, TWO))
    end_pass(ledger, now_ms=LONG_AFTER)
    with reading(state_dir) as queries:
        assert queries.first_and_last_ms(Scope()) == (T0, T0 + 3 * MINUTE + 4_000)
    enter(ledger, whole)
    with reading(state_dir) as queries:
        assert queries.first_and_last_ms(Scope()) == (T0 + 3 * MINUTE + 4_000, T0 + 10 * SLOT_MS)
        slots = [(FIRST_SLOT + number * SLOT_MS, FIRST_SLOT + (number + 1) * SLOT_MS) for number in range(12)]
        used = {begin: usage.tokens.input for begin, usage in queries.by_period(Scope(), slots).items()}
        assert used == {(T0 + 3 * MINUTE + 4_000) // SLOT_MS * SLOT_MS: 2, FIRST_SLOT + 10 * SLOT_MS: 4}
        (group,) = [each for each in queries.by_model(Scope()) if each.key[1] == "model-0"]
        assert (group.first_ms, group.last_ms) == (T0 + 10 * SLOT_MS, T0 + 10 * SLOT_MS)


def test_a_message_of_long_ago_that_is_read_late_is_not_the_last_one(ledger: Ledger, state_dir: Path) -> None:
    """A folder of an old year was copied back. The newest and the oldest message stay where they are."""
    enter(ledger, call(20, ONE))
    enter(ledger, call(0, TWO))
    enter(ledger, call(10, FOUR))
    with reading(state_dir) as queries:
        (group,) = queries.by_model(Scope())
        assert (group.first_ms, group.last_ms) == (T0 + 4_000, T0 + 20 * MINUTE + 4_000)
        assert queries.first_and_last_ms(Scope()) == (T0 + 4_000, T0 + 20 * MINUTE + 4_000)


def test_a_transaction_that_fails_leaves_no_context_behind(ledger: Ledger, state_dir: Path) -> None:
    def fail() -> None:
        with ledger.transaction():
            ledger.messages.record([call(0, ONE, model="new")], [], count_from_ms=0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    enter(ledger, call(1, TWO, model="other"))
    enter(ledger, call(2, FOUR, model="new"))
    with reading(state_dir) as queries:
        assert sums(queries.by_model(Scope())) == {("anthropic", "other"): (1, 1, 2), ("anthropic", "new"): (1, 1, 4)}


def test_an_empty_ledger_makes_its_indexes_when_the_pass_ends(ledger: Ledger, state_dir: Path) -> None:
    def indexed() -> bool:
        with closing(sqlite3.connect(ledger_path(state_dir))) as database:
            return has_indexes(database)

    enter(ledger, call(0), call(1))
    assert not indexed()
    end_pass(ledger)
    assert indexed()


def test_a_twin_is_found_before_the_first_pass_ends(ledger: Ledger) -> None:
    """The import into 2.x keeps the session and changes the id. Until then there were no indexes."""
    original = call(0, ONE)
    enter(ledger, original)
    imported = replace(original, id="msg_imported", generation=Generation.V2)
    assert enter(ledger, imported) == []


@pytest.mark.parametrize("first", ["copy", "original"])
def test_a_copy_is_found_after_a_first_look_that_was_cut_short(tmp_path: Path, first: str) -> None:
    original = call(0, ONE)
    copy = copy_of(original, 1)
    for message in (original, copy) if first == "original" else (copy, original):
        ledger = open_ledger(tmp_path, now_ns=START_NS, backfill_from_ms=0)
        enter(ledger, message)
        ledger.close()
    ledger = open_ledger(tmp_path, now_ns=START_NS, backfill_from_ms=0)
    end_pass(ledger)
    ledger.close()
    with reading(tmp_path) as queries:
        assert queries.usage(Scope()).messages == 1
        assert queries.evidence().differing_sums() == {}

"""The counting rules on the tables themselves: what a set of records is worth, whatever way it is met."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from otel_agent import semconv
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Generation, Message, Tokens
from tests.support.ledgers import fresh_ledger
from tests.support.records import (
    GRACE,
    LONG_AFTER,
    T0,
    call,
    copy_of,
    enter,
    enter_all,
    in_flight,
    settle,
    tokens,
    total,
    totals,
)

FEW, MANY = Tokens(1, 2, 3, 4, 5), Tokens(10, 20, 30, 40, 50)

Batches = list[list[Message]]

amounts = st.integers(min_value=0, max_value=50)
usages = st.builds(Tokens, st.integers(1, 50), amounts, amounts, amounts, amounts)


@dataclass(frozen=True, slots=True)
class Call:
    """What OpenCode did once, and all that can be read of it."""

    records: tuple[Message, ...]
    worth: Tokens


@st.composite
def calls(draw: st.DrawFn, number: int, passes: str) -> Call:
    """A call read complete, in flight or both, in any number of stores; or corrected; or copied by forks. Not corrected
    and copied: a copy of what was corrected later cannot be told from a call of its own. Nor, in several passes, given
    up as killed and copied after its completion: the same holds."""
    usage = draw(usages)
    whole = call(number, usage)
    readings: list[Tokens] = draw(st.lists(st.sampled_from([usage, Tokens(1)]), max_size=2))
    flights = tuple(in_flight(whole, reading) for reading in readings)
    if draw(st.booleans()):
        more = draw(usages)
        corrected = replace(whole, tokens=more, cost_nusd=more.total * 1_000)
        return Call((whole, corrected, *flights), most(usage, more, *readings))
    if draw(st.booleans()) and readings:
        return Call(flights, most(*readings))
    forks = range(draw(st.integers(0, 0 if flights and passes == "many" else 2)))
    return Call((whole, *flights, *(copy_of(whole, fork) for fork in forks)), most(usage, *readings))


def most(*readings: Tokens) -> Tokens:
    found = Tokens()
    for each in readings:
        found = found.at_least(each)
    return found


def histories(passes: str) -> st.SearchStrategy[tuple[Call, ...]]:
    return st.integers(1, 4).flatmap(lambda count: st.tuples(*(calls(number, passes) for number in range(count))))


@st.composite
def ways_to_meet(draw: st.DrawFn, history: tuple[Call, ...]) -> Batches:
    """All records in any order, cut into batches anywhere."""
    records = draw(st.permutations([record for each in history for record in each.records]))
    cuts = sorted(draw(st.sets(st.integers(1, len(records)), max_size=4)))
    return [records[start:end] for start, end in zip([0, *cuts], [*cuts, len(records)], strict=True)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_neither_order_nor_batches_matter(data: st.DataObject) -> None:
    """Theorem: the same set of records, in whatever order and batches it is met in a pass, makes the same totals."""
    history = data.draw(histories("one"))
    with fresh_ledger() as one, fresh_ledger() as other:
        enter_all(one, data.draw(ways_to_meet(history)))
        enter_all(other, data.draw(ways_to_meet(history)))
        assert tokens(one) == sum_of(history)
        assert total(one, semconv.MESSAGE_COUNT) == len(history)
        assert totals(one) == totals(other)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_nor_how_many_passes_it_takes(data: st.DataObject) -> None:
    """Theorem: each call counts once and for the most any record of it said, even if every batch is a pass of its own
    (a copy can then count before its original is met, so which session has it may differ)."""
    history = data.draw(histories("many"))
    with fresh_ledger() as ledger:
        for batch in data.draw(ways_to_meet(history)):
            enter_all(ledger, [batch])
        assert tokens(ledger) == sum_of(history)
        assert total(ledger, semconv.MESSAGE_COUNT) == len(history)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.data())
def test_what_is_known_is_never_new(data: st.DataObject) -> None:
    """Theorem: a second reading of everything changes no total and owes no span."""
    batches = data.draw(ways_to_meet(data.draw(histories("many"))))
    with fresh_ledger() as ledger:
        enter_all(ledger, batches)
        before, owed = totals(ledger), len(ledger.outbox)
        enter_all(ledger, reversed(batches))
        assert totals(ledger) == before
        assert len(ledger.outbox) == owed


def test_a_message_in_flight_elsewhere_does_not_hold_up_a_copy(ledger: Ledger) -> None:
    """A stale record of what another store has complete takes nothing from it."""
    copy = copy_of(call(0, MANY), 1)
    enter(ledger, copy)
    enter(ledger, in_flight(copy, FEW))
    settle(ledger, now_ms=T0)
    assert tokens(ledger) == MANY


def test_the_original_completes_after_its_copy_counted(ledger: Ledger) -> None:
    original = call(0, MANY)
    enter(ledger, in_flight(original))
    enter(ledger, copy_of(original, 1))
    settle(ledger, now_ms=T0)
    enter(ledger, original)
    assert tokens(ledger) == MANY
    assert total(ledger, semconv.MESSAGE_COUNT) == 1


def test_one_given_up_as_killed_completes_and_is_forked(ledger: Ledger) -> None:
    original = call(0, MANY)
    enter(ledger, in_flight(original))
    settle(ledger, now_ms=LONG_AFTER)
    enter(ledger, original)
    enter(ledger, copy_of(original, 1))
    settle(ledger, now_ms=LONG_AFTER)
    assert tokens(ledger) == MANY
    assert total(ledger, semconv.MESSAGE_COUNT) == 1


def test_a_killed_message_waits_for_the_grace_period(ledger: Ledger) -> None:
    killed = in_flight(call(0, MANY))
    enter(ledger, killed)
    settle(ledger, now_ms=killed.created_ms + GRACE)
    assert tokens(ledger) == Tokens()
    settle(ledger, now_ms=killed.created_ms + GRACE + 1)
    assert tokens(ledger) == MANY


def test_or_for_a_later_message_of_its_session_to_complete(ledger: Ledger) -> None:
    killed, later, elsewhere = in_flight(call(0, MANY)), call(3, FEW), call(1, FEW)
    enter(ledger, killed, elsewhere)
    settle(ledger, now_ms=T0)
    assert tokens(ledger) == FEW
    enter(ledger, later)
    settle(ledger, now_ms=T0)
    assert tokens(ledger) == FEW.plus(FEW).plus(MANY)


def test_equal_calls_are_two_unless_an_id_says_that_one_is_a_copy(ledger: Ledger) -> None:
    """Both conditions: recordings that look alike, and an id minted later than the message it names."""
    first = call(0, MANY)
    enter(ledger, first, replace(first, id="msg_like_it", session_id="ses_other"))
    settle(ledger)
    assert total(ledger, semconv.MESSAGE_COUNT) == 2


def test_one_call_in_the_tables_of_1x_and_2x(ledger: Ledger) -> None:
    """Under two ids in one session: each table is read in batches of its own."""
    first = call(0, MANY)
    enter(ledger, first)
    enter(ledger, replace(first, id="evt_1", generation=Generation.V2))
    assert tokens(ledger) == MANY
    assert total(ledger, semconv.MESSAGE_COUNT) == 1


def test_a_session_counts_with_its_first_message(ledger: Ledger) -> None:
    assert [change.opens_session for change in enter(ledger, call(0), call(3), call(1))] == [True, False, True]
    assert [change.opens_session for change in enter(ledger, call(6))] == [False]


def test_what_calls_no_model_owes_no_span(ledger: Ledger) -> None:
    enter(ledger, call(0), call(1, Tokens(), calls_model=False))
    assert [owed.message.id for owed in ledger.outbox.oldest(10)] == ["msg_0"]


def test_history_left_out_is_never_counted(ledger: Ledger) -> None:
    """Not when it is read again, not when it is corrected, not by a copy; what ended later is."""
    old, new = call(0, FEW), call(1, MANY)
    for _ in range(2):
        enter(ledger, old, new, copy_of(old, 1), in_flight(call(0, FEW, id="msg_killed")), count_from_ms=new.created_ms)
        settle(ledger, count_from_ms=new.created_ms)
    enter(ledger, replace(old, tokens=MANY), count_from_ms=new.created_ms)
    assert tokens(ledger) == MANY
    assert total(ledger, semconv.MESSAGE_COUNT) == 1


def sum_of(history: tuple[Call, ...]) -> Tokens:
    found = Tokens()
    for each in history:
        found = found.plus(each.worth)
    return found

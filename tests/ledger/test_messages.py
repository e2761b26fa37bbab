"""The counting rules on the tables themselves: a set of records is worth the same in whatever order it is read."""

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
    end_pass,
    enter,
    enter_all,
    in_flight,
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
    """One call of OpenCode's, and all records that can be read of it."""

    records: tuple[Message, ...]
    worth: Tokens


@st.composite
def calls(draw: st.DrawFn, number: int, passes: str) -> Call:
    """A call read complete, in flight or both, in any number of stores; or corrected; or copied by forks.

    Never both corrected and copied: a copy of what was corrected later looks like a call of its own. For the same
    reason no call is presumed killed in one of several passes and copied after its completion.
    """
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


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_order_and_batches_of_the_records_do_not_change_the_totals(data: st.DataObject) -> None:
    """Theorem: the same set of records, in whatever order and batches a pass reads it, makes the same totals."""
    history = data.draw(histories("one"))
    with fresh_ledger() as one, fresh_ledger() as other:
        enter_all(one, data.draw(ways_to_meet(history)))
        enter_all(other, data.draw(ways_to_meet(history)))
        assert tokens(one) == sum_of(history)
        assert total(one, semconv.MESSAGE_COUNT) == len(history)
        assert totals(one) == totals(other)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_number_of_passes_does_not_change_what_counts(data: st.DataObject) -> None:
    """Theorem: each call counts once and for the most that any record says, even if every batch is a pass of its own.

    A copy can then count before its original is read, so the session that has the call may differ.
    """
    history = data.draw(histories("many"))
    with fresh_ledger() as ledger:
        for batch in data.draw(ways_to_meet(history)):
            enter_all(ledger, [batch])
        assert tokens(ledger) == sum_of(history)
        assert total(ledger, semconv.MESSAGE_COUNT) == len(history)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_second_reading_of_everything_changes_nothing(data: st.DataObject) -> None:
    """Theorem: a second reading of everything changes no total and makes no span pending."""
    batches = data.draw(ways_to_meet(data.draw(histories("many"))))
    with fresh_ledger() as ledger:
        enter_all(ledger, batches)
        before, pending = totals(ledger), len(ledger.outbox)
        enter_all(ledger, reversed(batches))
        assert totals(ledger) == before
        assert len(ledger.outbox) == pending


def test_a_message_that_is_twice_in_a_batch_counts_once_with_the_most_of_both(ledger: Ledger) -> None:
    """A tree that was copied beside itself, or a row that OpenCode rewrote while it was read."""
    enter(ledger, call(0, FEW), call(0, MANY), call(0, FEW))
    assert tokens(ledger) == MANY
    assert total(ledger, semconv.MESSAGE_COUNT) == 1


def test_a_stale_record_in_flight_takes_nothing_from_a_complete_copy(ledger: Ledger) -> None:
    """A stale record of what another store has complete takes nothing from it."""
    copy = copy_of(call(0, MANY), 1)
    enter(ledger, copy)
    enter(ledger, in_flight(copy, FEW))
    end_pass(ledger, now_ms=T0)
    assert tokens(ledger) == MANY


def test_an_original_that_completes_after_its_copy_counted_adds_nothing(ledger: Ledger) -> None:
    original = call(0, MANY)
    enter(ledger, in_flight(original))
    enter(ledger, copy_of(original, 1))
    end_pass(ledger, now_ms=T0)
    enter(ledger, original)
    assert tokens(ledger) == MANY
    assert total(ledger, semconv.MESSAGE_COUNT) == 1


def test_a_message_presumed_killed_that_completes_and_is_forked_counts_once(ledger: Ledger) -> None:
    original = call(0, MANY)
    enter(ledger, in_flight(original))
    end_pass(ledger, now_ms=LONG_AFTER)
    enter(ledger, original)
    enter(ledger, copy_of(original, 1))
    end_pass(ledger, now_ms=LONG_AFTER)
    assert tokens(ledger) == MANY
    assert total(ledger, semconv.MESSAGE_COUNT) == 1


def test_a_message_presumed_killed_that_completes_ends_when_it_says(ledger: Ledger) -> None:
    """It belongs to the day of its end. Until then it has none, and its beginning stands for it."""
    original = call(0, MANY)
    enter(ledger, in_flight(original))
    end_pass(ledger, now_ms=LONG_AFTER)
    assert ledger.messages.newest_ms() == original.created_ms
    enter(ledger, original)
    assert ledger.messages.newest_ms() == original.completed_ms


def test_the_import_into_2_x_says_not_when_a_killed_message_ended(ledger: Ledger) -> None:
    """The import writes the row's last change, which may be days later, as the completion."""
    killed = in_flight(call(0, MANY))
    enter(ledger, killed)
    end_pass(ledger, now_ms=LONG_AFTER)
    enter(ledger, replace(call(0, MANY), generation=Generation.V2, completed_ms=T0 + 100 * GRACE))
    assert ledger.messages.newest_ms() == killed.created_ms
    assert tokens(ledger) == MANY


def test_a_killed_message_waits_for_the_grace_period(ledger: Ledger) -> None:
    killed = in_flight(call(0, MANY))
    enter(ledger, killed)
    end_pass(ledger, now_ms=killed.created_ms + GRACE)
    assert tokens(ledger) == Tokens()
    end_pass(ledger, now_ms=killed.created_ms + GRACE + 1)
    assert tokens(ledger) == MANY


def test_a_killed_message_counts_once_a_later_one_of_its_session_is_complete(ledger: Ledger) -> None:
    killed, later, elsewhere = in_flight(call(0, MANY)), call(3, FEW), call(1, FEW)
    enter(ledger, killed, elsewhere)
    end_pass(ledger, now_ms=T0)
    assert tokens(ledger) == FEW
    enter(ledger, later)
    end_pass(ledger, now_ms=T0)
    assert tokens(ledger) == FEW.plus(FEW).plus(MANY)


def test_equal_calls_are_two_unless_an_id_says_that_one_is_a_copy(ledger: Ledger) -> None:
    """A copy needs both: a recording that looks alike, and an id minted later than the message it names."""
    first = call(0, MANY)
    enter(ledger, first, replace(first, id="msg_like_it", session_id="ses_other"))
    end_pass(ledger)
    assert total(ledger, semconv.MESSAGE_COUNT) == 2


def test_a_call_in_the_tables_of_1_x_and_2_x_counts_once(ledger: Ledger) -> None:
    """The call has two ids in one session, and each table is read in batches of its own."""
    first = call(0, MANY)
    enter(ledger, first)
    enter(ledger, replace(first, id="evt_1", generation=Generation.V2))
    assert tokens(ledger) == MANY
    assert total(ledger, semconv.MESSAGE_COUNT) == 1


def test_a_call_of_2_x_that_was_tried_again_is_known_by_its_last_beginning(ledger: Ledger) -> None:
    """Its row was complete without tokens. The retry begins it again, and the copies in forks have that time."""
    failed = call(0, Tokens(), generation=Generation.V2)
    enter(ledger, failed)
    again = replace(call(0, MANY, generation=Generation.V2), created_ms=T0 + GRACE, completed_ms=T0 + GRACE + 4_000)
    enter(ledger, again)
    enter(ledger, copy_of(again, 1), copy_of(again, 2))
    end_pass(ledger)
    assert tokens(ledger) == MANY
    assert total(ledger, semconv.MESSAGE_COUNT) == 1


def test_of_several_copies_without_their_original_one_counts(ledger: Ledger) -> None:
    original = call(0, MANY)
    enter(ledger, *(copy_of(original, fork) for fork in range(3)))
    end_pass(ledger)
    assert tokens(ledger) == MANY
    assert total(ledger, semconv.MESSAGE_COUNT) == 1


def test_a_session_counts_with_its_first_message(ledger: Ledger) -> None:
    assert [change.opens_session for change in enter(ledger, call(0), call(3), call(1))] == [True, False, True]
    assert [change.opens_session for change in enter(ledger, call(6))] == [False]


def test_a_message_that_calls_no_model_has_no_pending_span(ledger: Ledger) -> None:
    enter(ledger, call(0), call(1, Tokens(), calls_model=False))
    assert [entry.message.id for entry in ledger.outbox.oldest(10)] == ["msg_0"]


def test_history_left_out_is_never_counted(ledger: Ledger) -> None:
    """It does not count when it is read again, corrected or copied; what ended later counts."""
    old, new = call(0, FEW), call(1, MANY)
    for _ in range(2):
        enter(ledger, old, new, copy_of(old, 1), in_flight(call(0, FEW, id="msg_killed")), count_from_ms=new.created_ms)
        end_pass(ledger, count_from_ms=new.created_ms)
    enter(ledger, replace(old, tokens=MANY), count_from_ms=new.created_ms)
    assert tokens(ledger) == MANY
    assert total(ledger, semconv.MESSAGE_COUNT) == 1


def test_a_copy_that_began_before_the_horizon_and_ended_after_it_counts(ledger: Ledger) -> None:
    """Its original is not there. The end decides, as it does for every other message."""
    copy = copy_of(call(0, MANY), 1)
    horizon = copy.created_ms + 1
    enter(ledger, copy, count_from_ms=horizon)
    end_pass(ledger, count_from_ms=horizon)
    assert tokens(ledger) == MANY


def sum_of(history: tuple[Call, ...]) -> Tokens:
    found = Tokens()
    for each in history:
        found = found.plus(each.worth)
    return found

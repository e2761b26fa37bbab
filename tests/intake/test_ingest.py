"""One pass over stores: what it counts, what happens when a store fails, and where the next pass begins."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent import semconv
from otel_agent.errors import LedgerError
from otel_agent.intake import entering
from otel_agent.intake.ingest import Ingest, Rules
from otel_agent.ledger.writer import Ledger
from otel_agent.model import AskWanted, Batch, Overlap, Problem, ProblemKind, ReadScope, Recall, Store, Tokens
from otel_agent.semconv.attributes import Attr
from otel_agent.series.attributes import from_json
from tests.export.fakes import ListedStore
from tests.intake.ingests import DAY_MS, RULES, Clock, ingest_of
from tests.support.records import GRACE, T0, call, copy_of, in_flight, tokens, total, totals

USED = call(0).tokens


def once_after(count: int) -> Callable[[], bool]:
    """False `count` times, then true."""
    answers = iter([False] * count)
    return lambda: next(answers, True)


def unreadable(ledger: Ledger) -> dict[str, int]:
    return {
        str(from_json(labels)[Attr.PROBLEM]): value
        for (metric, labels), (value, _) in totals(ledger).items()
        if metric == semconv.UNREADABLE_COUNT.name
    }


def of_sessions(ledger: Ledger) -> dict[str, int]:
    """Session to its tokens of all categories."""
    found: dict[str, int] = {}
    for (metric, labels), (value, _) in totals(ledger).items():
        if metric == semconv.SESSION_TOKEN_USAGE.name:
            session_id = str(from_json(labels).get(Attr.SESSION))
            found[session_id] = found.get(session_id, 0) + value
    return found


def test_a_pass_reads_every_store(ledger: Ledger) -> None:
    one, other = ListedStore("one", call(0), call(1), call(2)), ListedStore("other", call(3), call(0))
    outcome = ingest_of(ledger, one, other).run(sweep=True)
    assert outcome.messages == 4
    assert outcome.stores == 2
    assert outcome.problems == 0
    assert total(ledger, semconv.MESSAGE_COUNT) == 4


def test_the_next_pass_begins_where_the_last_one_ended(ledger: Ledger) -> None:
    store = ListedStore("one", call(0), call(1), call(2))
    ingest = ingest_of(ledger, store)
    assert [ingest.run(sweep=False).messages for _ in range(2)] == [3, 0]
    store.messages.append(call(3))
    assert ingest.run(sweep=False).messages == 1
    assert store.read_from == [0, 3, 3]


def test_a_store_that_fails_does_not_harm_the_others(ledger: Ledger) -> None:
    problem = Problem(ProblemKind.LOCKED, "/data/opencode.db")
    outcome = ingest_of(ledger, ListedStore("bad", problems=[problem]), ListedStore("good", call(0))).run(sweep=True)
    assert outcome.messages == 1
    assert outcome.problems == 1
    assert unreadable(ledger) == {"locked": 1}


def test_a_problem_is_counted_once_and_logged_once(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    """A problem is one kind at one place, however often it is read, also with other details in one reading."""
    row = "opencode.db: message msg_1"
    store = ListedStore(
        "bad",
        problems=[
            Problem(ProblemKind.BAD_NUMBER, row, "input"),
            Problem(ProblemKind.BAD_NUMBER, row, "output"),
            Problem(ProblemKind.BAD_TIME, row),
            Problem(ProblemKind.BAD_NUMBER, "opencode.db: message msg_2"),
        ],
    )
    ingest = ingest_of(ledger, store)
    assert [ingest.run(sweep=True).problems for _ in range(3)] == [3, 0, 0]
    assert unreadable(ledger) == {"bad_number": 2, "bad_time": 1}
    assert len(caplog.messages) == 3
    assert (
        caplog.messages[0]
        == f"{row} has an impossible number; that number counts as zero, everything else counts (input)"
    )


def test_a_problem_that_two_batches_of_a_first_look_name_is_counted_once(ledger: Ledger) -> None:
    problem = Problem(ProblemKind.MALFORMED, "a folder")

    class InTwoBatches(ListedStore):
        def read(self, recall: Recall, ask_wanted: AskWanted, *, now_ms: int, scope: ReadScope) -> Iterator[Batch]:
            yield Batch([call(0)], problems=[problem])
            yield Batch([call(1)], problems=[problem])

    outcome = ingest_of(ledger, InTwoBatches("one")).run(sweep=True)
    assert (outcome.messages, outcome.problems) == (2, 1)
    assert unreadable(ledger) == {"malformed": 1}


def test_of_many_problems_all_are_counted_and_a_few_are_logged(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    problems = [Problem(ProblemKind.MALFORMED, f"{number}.json") for number in range(100)]
    ingest_of(ledger, ListedStore("bad", problems=problems)).run(sweep=True)
    assert unreadable(ledger) == {"malformed": 100}
    assert len(caplog.messages) == 6
    assert "95 more" in caplog.messages[-1]


@pytest.mark.parametrize("first", [True, False], ids=["first look", "later"])
def test_a_pass_that_is_cut_short_goes_on_from_its_checkpoint(
    first: bool, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A first look joins batches: here it has time for one of them.
    monkeypatch.setattr(entering, "FIRST_LOOK_SECONDS", 0.0)
    if not first:
        with ledger.transaction():
            ledger.note_sweep(T0)
    store = ListedStore("one", *(call(number) for number in range(5)))
    ingest = ingest_of(ledger, store)
    assert ingest.run(sweep=True, stopping=once_after(0)).messages == 2
    assert total(ledger, semconv.MESSAGE_COUNT) == 2
    assert ingest.run(sweep=True).messages == 3
    assert store.read_from == [0, 2]


def test_a_copy_waits_until_every_store_was_read(ledger: Ledger) -> None:
    """So that the call counts in the session it was made in."""
    original = call(0)
    ingest_of(ledger, ListedStore("fork", copy_of(original, 1)), ListedStore("main", original)).run(sweep=True)
    assert tokens(ledger) == USED
    assert of_sessions(ledger) == {"ses_0": USED.total}


def test_a_pass_that_is_cut_short_decides_nothing_that_had_to_wait(ledger: Ledger) -> None:
    original = call(0)
    fork, main = ListedStore("fork", copy_of(original, 1)), ListedStore("main", original)
    ingest = ingest_of(ledger, fork, main)
    assert ingest.run(sweep=True, stopping=once_after(0)).messages == 0
    assert ingest.run(sweep=True).messages == 1
    assert of_sessions(ledger) == {"ses_0": USED.total}


def test_a_message_that_a_killed_opencode_left_counts_after_the_grace_period(ledger: Ledger) -> None:
    clock = Clock()
    ingest = ingest_of(ledger, ListedStore("one", in_flight(call(0))), clock=clock)
    assert ingest.run(sweep=True).messages == 0
    clock.now_ms = T0 + GRACE + 1
    assert ingest.run(sweep=True).messages == 1


@pytest.mark.parametrize("table", ["session", "message", "owed", "turn", "series", "store", "checkpoint"])
def test_a_ledger_that_fails_keeps_nothing_of_a_batch(ledger: Ledger, tmp_path: Path, table: str) -> None:
    """Whichever table fails, there is neither a message nor a total, span or checkpoint, and the next pass reads it again."""
    store = ListedStore("one", call(0), call(1))
    ingest = ingest_of(ledger, store)
    with closing(sqlite3.connect(tmp_path / "state" / "ledger.db", isolation_level=None)) as other:
        other.execute(f"CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN SELECT RAISE(FAIL, 'no room'); END")
        with pytest.raises(LedgerError, match="no room"):
            ingest.run(sweep=True)
        assert totals(ledger) == {}
        assert len(ledger.outbox) == 0
        assert store.closed == 1
        other.execute("DROP TRIGGER full")
    assert ingest.run(sweep=True).messages == 2
    assert store.read_from == [0, 0]
    assert total(ledger, semconv.MESSAGE_COUNT) == 2
    assert len(ledger.outbox) == 4


def test_a_store_is_kept_open_while_it_is_found_and_closed_when_it_went_away(ledger: Ledger) -> None:
    """A store is kept, with its connection, while it is found; one that went away is closed."""
    found: dict[str, ListedStore] = {}

    def find_stores() -> tuple[dict[str, Store], list[Problem]]:
        return dict(found), []

    ingest = Ingest(ledger, find_stores, RULES, now_ns=Clock())
    assert ingest.run(sweep=True).stores == 0
    first = found["one"] = ListedStore("one", call(0))
    assert ingest.run(sweep=True).messages == 1
    found["one"], found["two"] = ListedStore("one"), ListedStore("two", call(1))
    assert ingest.run(sweep=True).messages == 1
    assert [store.name for store in ingest.stores] == ["one", "two"]
    assert len(first.read_from) == 2
    assert first.closed == 0
    del found["one"]
    ingest.run(sweep=True)
    assert [store.name for store in ingest.stores] == ["two"]
    assert first.closed == 1
    ingest.close()
    assert found["two"].closed == 1


def test_a_session_that_becomes_active_gets_a_series_with_all_it_ever_used(ledger: Ledger) -> None:
    """`ses_0` has messages 0, 3 and 6; the first is older than the window when it is counted."""
    clock = Clock(T0 + 2 * DAY_MS)
    late = call(3, completed_ms=clock.now_ms - 1_000)
    store = ListedStore("one", call(0))
    ingest = ingest_of(ledger, store, clock=clock)
    ingest.run(sweep=True)
    assert of_sessions(ledger) == {}
    store.messages.append(late)
    ingest.run(sweep=True)
    assert of_sessions(ledger) == {"ses_0": 2 * USED.total}
    store.messages.append(call(6))
    ingest.run(sweep=True)
    assert of_sessions(ledger) == {"ses_0": 3 * USED.total}
    assert tokens(ledger) == USED.plus(USED).plus(USED)


def test_a_session_that_was_not_active_lately_gets_no_series(ledger: Ledger) -> None:
    """A store of long ago was copied back beside a running agent."""
    store = ListedStore("one", call(0))
    ingest = ingest_of(ledger, store, clock=Clock(T0 + 2 * DAY_MS))
    ingest.run(sweep=True)
    store.messages += [call(1), call(3)]
    assert ingest.run(sweep=True).messages == 2
    assert of_sessions(ledger) == {}
    assert total(ledger, semconv.TOKEN_USAGE) == 3 * USED.total


def test_the_sum_is_true_beyond_the_limit_of_series(ledger: Ledger) -> None:
    rules = Rules(disjoint=False, session_window_ms=DAY_MS, max_series=5, killed_grace_ms=GRACE)
    ingest_of(ledger, ListedStore("one", *(call(number) for number in range(6))), rules=rules).run(sweep=True)
    assert sum(of_sessions(ledger).values()) == 6 * USED.total
    assert "None" in of_sessions(ledger)
    assert total(ledger, semconv.TOKEN_USAGE) == 6 * USED.total


def test_disjoint_accounting_counts_each_token_once(ledger: Ledger) -> None:
    rules = Rules(disjoint=True, session_window_ms=DAY_MS, max_series=100, killed_grace_ms=GRACE)
    overlapping = call(0, Tokens(100, 10, 5, 50, 2), overlap=Overlap(cached_in_input=50, reasoning_in_output=5))
    ingest_of(ledger, ListedStore("one", overlapping), rules=rules).run(sweep=True)
    assert tokens(ledger) == Tokens(50, 5, 5, 50, 2)


def test_a_message_of_a_session_with_a_parent_is_a_sub_agents(ledger: Ledger) -> None:
    ingest_of(ledger, ListedStore("one", call(0), parent_id="ses_parent"), ListedStore("two", call(1))).run(sweep=True)
    kinds = {
        str(from_json(labels)[Attr.AGENT_KIND]): value
        for (metric, labels), (value, _) in totals(ledger).items()
        if metric == semconv.MESSAGE_COUNT.name
    }
    assert kinds == {"subagent": 1, "primary": 1}


def test_the_limit_of_series_is_logged_once(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    rules = Rules(disjoint=False, session_window_ms=DAY_MS, max_series=5, killed_grace_ms=GRACE)
    store = ListedStore("one", *(call(number) for number in range(6)))
    ingest = ingest_of(ledger, store, rules=rules)
    ingest.run(sweep=True)
    store.messages.append(call(6))
    ingest.run(sweep=True)
    said = [each.getMessage() for each in caplog.records if "max_series" in each.getMessage()]
    assert len(said) == 1
    assert "more than 5 series" in said[0]


def test_a_long_first_import_logs_its_progress(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch takes four seconds here. Every five seconds are worth a line."""
    monkeypatch.setattr(entering, "FIRST_LOOK_SECONDS", 0.0)
    caplog.set_level("INFO")
    clock = Clock()

    class Slow(ListedStore):
        def read(self, recall: Recall, ask_wanted: AskWanted, *, now_ms: int, scope: ReadScope) -> Iterator[Batch]:
            for number in range(5):
                clock.now_ms += 4_000
                yield Batch(messages=[call(2 * number), call(2 * number + 1)])

    ingest_of(ledger, Slow("one"), clock=clock).run(sweep=True)
    said = [each.getMessage() for each in caplog.records if "so far" in each.getMessage()]
    assert said == ["counted 4 messages so far", "counted 8 messages so far"]


def test_a_session_series_holds_nothing_that_another_machine_counted(ledger: Ledger) -> None:
    """Its ledger was copied here: that machine goes on exporting what it counted."""
    store = ListedStore("one", call(0))
    ingest = ingest_of(ledger, store, clock=Clock(T0 + DAY_MS // 2))
    ledger.adopt("there")
    ingest.run(sweep=True)
    assert of_sessions(ledger) == {"ses_0": USED.total}
    ledger.adopt("here")
    store.messages.append(call(3))
    ingest.run()
    assert of_sessions(ledger) == {"ses_0": USED.total}


def test_the_lag_is_that_of_the_newest_message_and_none_of_the_history(ledger: Ledger) -> None:
    clock = Clock(T0 + DAY_MS)
    store = ListedStore("one", call(0))
    ingest = ingest_of(ledger, store, clock=clock)
    ingest.run(sweep=True)
    assert ingest.lag_s is None
    newest = call(5, completed_ms=clock.now_ms - 2_500)
    store.messages += [newest, call(4)]
    ingest.run()
    assert ingest.lag_s == 2.5
    store.messages.append(call(6, completed_ms=clock.now_ms + 60_000))
    ingest.run()
    assert ingest.lag_s == 0.0, "a clock that was set back gives no negative lag"

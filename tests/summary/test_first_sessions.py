"""A list of sessions that is cut reads only what it shows. It shows the beginning of the whole list, and the sum of the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, get_args

import pytest

from otel_agent.ledger.answers import Group, Scope, SessionAmount, SessionFacts
from otel_agent.ledger.queries import Queries
from otel_agent.summary.first_sessions import FirstSessions, first_sessions
from otel_agent.summary.question import Accounting, Filters, Question, Range, Sort
from otel_agent.summary.view import View
from tests.summary.made_machine import MadeMachine, session_rows_of
from tests.support.made_stores import JsonTree, Tokens, message, session

BEGAN = datetime(2026, 11, 20, tzinfo=UTC)
SESSIONS = 80
ALL = Range(name="all", since=None, until=None, zone="UTC")
DAY = Range(name="custom", since=BEGAN + timedelta(days=1), until=BEGAN + timedelta(days=2), zone="UTC")
SORTS: tuple[Sort | None, ...] = (None, "tokens", "messages", "cost", "last", "first", "name")


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> MadeMachine:
    """Eighty sessions over three days, two thirds of them below others: some of their parents are not there."""
    random, home = Random(7), tmp_path_factory.mktemp("families")
    made: list[str] = []
    tree = JsonTree(home / "data" / "opencode")
    for number in range(SESSIONS):
        began = round((BEGAN + timedelta(minutes=random.randrange(3 * 24 * 60))).timestamp() * 1000)
        parent = random.choice([*made, "ses_that_is_gone"]) if random.random() < 2 / 3 else ""
        # Few titles: many sessions have the same one, and so have many the same numbers.
        of = session(created=began, counter=number, parent=parent or None, title=random.choice("abc"))
        made.append(of.id)
        for turn in range(random.randrange(3)):
            at = began + 60_000 * turn
            used = Tokens(input=random.choice((5, 50)), output=9, reasoning=random.randrange(3), cache_read=3)
            tree.put_turn(message(of, used, at=at, counter=turn, completed=at + 900, cost=random.choice((0.0, 0.25))))
    machine = MadeMachine(tree.data_dir, home / "state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_DATA_HOME", str(home / "data"))
        machine.view("sessions")
    return machine


def shown(families: MadeMachine, monkeypatch: pytest.MonkeyPatch, *, whole: bool, **asked: Any) -> View:
    """Answer with a limit by the first trees, or by all sessions."""
    with monkeypatch.context() as patch:
        if whole:
            patch.setattr(Queries, "session_amounts", lambda *_: None)
        return families.answer("sessions", now=BEGAN + timedelta(days=4), **asked)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("range_", [ALL, DAY], ids=["all", "day"])
@pytest.mark.parametrize("rolled_up", [False, True], ids=["tree", "rolled up"])
def test_the_rows_are_the_first_of_all(
    families: MadeMachine, monkeypatch: pytest.MonkeyPatch, sort: Sort | None, range_: Range, rolled_up: bool
) -> None:
    for accounting in get_args(Accounting):
        asked = {"range": range_, "sort": sort, "rolled_up": rolled_up, "accounting": accounting}
        rows = session_rows_of(families.answer("sessions", now=BEGAN + timedelta(days=4), **asked))
        assert len(rows) > 5
        for limit in (1, 2, 5, len(rows) - 1, len(rows), len(rows) + 1):
            first = shown(families, monkeypatch, whole=False, limit=limit, **asked)
            assert list(first.rows) == rows[:limit]
            assert first.cut == shown(families, monkeypatch, whole=True, limit=limit, **asked).cut


def test_the_rest_is_what_the_rows_leave_of_the_total(families: MadeMachine) -> None:
    found = families.answer("sessions", limit=3, now=BEGAN + timedelta(days=4))
    assert found.cut is not None
    assert found.cut.usage.tokens.total == found.totals.tokens.total - sum(row.usage.tokens.total for row in found.rows)
    assert found.cut.usage.sessions == found.totals.sessions - 3 == found.cut.rows


def test_only_the_sessions_of_the_first_trees_are_read(machine: MadeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree `new` has three sessions. They are shown, and `old`, which is older, is not."""
    of_new = [session(created=9_000_000, counter=1, title="new")]
    of_new += [session(created=9_000_000, counter=number, title="below", parent=of_new[0].id) for number in (2, 3)]
    old = session(created=1_000_000, counter=4, title="old")
    for number, each in enumerate((*of_new, old)):
        machine.tree.put_turn(message(each, Tokens(input=1), at=each.created + number, counter=number))
    machine.view("sessions")
    asked: list[frozenset[str] | None] = []
    by_session = Queries.by_session

    def noted(queries: Queries, scope: Scope) -> list[Group]:
        asked.append(scope.session_ids)
        return by_session(queries, scope)

    monkeypatch.setattr(Queries, "by_session", noted)
    assert session_rows_of(machine.answer("sessions", limit=3))[0].key == of_new[0].id
    assert asked == [frozenset(each.id for each in of_new)]


def test_a_filter_reads_the_sessions_that_it_leaves(families: MadeMachine) -> None:
    asked: dict[str, Any] = {"sort": "tokens", "filters": Filters(sessions=("b",))}
    rows = families.answer("sessions", **asked).rows
    assert 2 < len(rows) < SESSIONS
    assert list(families.answer("sessions", limit=2, **asked).rows) == list(rows[:2])


@pytest.mark.parametrize("parents", [{"a": "b", "b": "a"}, {"a": "a"}, {"a": "b", "b": "c", "c": "a", "d": "a"}])
def test_sessions_that_are_each_others_parents_are_trees_of_their_own(parents: dict[str, str]) -> None:
    amounts = [SessionAmount(key, parent, "", 1) for key, parent in parents.items()]
    found = first_sessions(amounts, lambda _: {}, Question(range=ALL), 1)
    assert found == FirstSessions(frozenset("a"), len(parents))


def test_ten_thousand_sessions_can_each_be_started_by_the_one_before() -> None:
    amounts = [SessionAmount(str(n), str(n - 1) if n else "", "", n) for n in range(10_000)]
    found = first_sessions(amounts, lambda _: {}, Question(range=ALL), 1)
    assert len(found.session_ids) == 10_000


def test_a_parent_without_a_message_in_the_range_joins_a_tree() -> None:
    amounts = [SessionAmount("top", "", "", 1), SessionAmount("leaf", "between", "", 5), SessionAmount("b", "", "", 4)]
    facts = {"between": SessionFacts("top", "")}
    found = first_sessions(amounts, lambda wanted: facts if set(wanted) == {"between"} else {}, Question(range=ALL), 1)
    assert found.session_ids == {"top", "leaf"}

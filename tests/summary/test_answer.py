"""Each view adds up to the stores' own expected numbers, and to a recount of generated trees."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from otel_agent.ledger.answers import NO_USAGE, Usage
from otel_agent.summary.answer import answer
from otel_agent.summary.question import Filters, Question
from otel_agent.summary.ranges import named_range
from otel_agent.summary.view import USAGE_VIEWS, VIEW_NAMES, View, ViewName, overlap, shown
from tests.summary import recount
from tests.summary.made_machine import BERLIN, MadeMachine, activity, put
from tests.support.made_stores import GLOBAL, T0, Project, Tokens, message, session
from tests.support.paths import STORES

REAL = sorted(path.parent.name for path in STORES.glob("*/expected.json"))
SINCE = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 4, 15, 12, tzinfo=BERLIN)


def expected(store: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((STORES / store / "expected.json").read_text())
    return found


def numbers(of: Mapping[str, int]) -> tuple[int, ...]:
    return of["messages"], *(of[kind] for kind in recount.KINDS)


def used(usage: Usage) -> tuple[int, ...]:
    return usage.messages, *usage.tokens.by_category()


def by_key(view: View) -> dict[str, tuple[int, ...]]:
    return {row.key: used(row.usage) for row in view.rows}


class TestRealStores:
    @pytest.mark.parametrize("store", REAL)
    def test_every_view_has_the_numbers_that_were_counted_by_hand(self, store: str, machine: MadeMachine) -> None:
        machine.has(store)
        truth = expected(store)
        total = truth["messages"], *(truth["tokens"][kind] for kind in recount.KINDS)
        views: list[tuple[ViewName, str]] = [
            ("overview", "model"),
            ("models", "model"),
            ("agents", "agent"),
            ("projects", "project"),
            ("sessions", "session"),
        ]
        machine.view("overview")
        for name, dimension in views:
            found = machine.answer(name)
            by = {("(global)" if key == "/" else key): numbers(of) for key, of in truth["by"][dimension].items()}
            assert by_key(found) == by, name
            assert used(found.totals) == total
            assert found.totals.cost_nusd == round(truth["cost"] * 1e9)
            assert found.totals.sessions == len(truth["by"]["session"])
        assert used(machine.answer("timeline").totals) == total

    @pytest.mark.parametrize("store", [store for store in REAL if "overlap" in expected(store)])
    def test_the_disjoint_accounting_leaves_out_exactly_the_overlap(self, store: str, machine: MadeMachine) -> None:
        machine.has(store)
        truth = expected(store)
        found = machine.view("models")
        assert overlap(found.totals) == sum(truth["overlap"].values())
        recorded, disjoint = shown(found.totals, "recorded"), shown(found.totals, "disjoint")
        assert recorded.input - disjoint.input == truth["overlap"]["cache_read"]
        assert recorded.output - disjoint.output == truth["overlap"]["reasoning"]
        assert recorded.total - disjoint.total == sum(truth["overlap"].values())

    @pytest.mark.parametrize("store", REAL)
    @pytest.mark.parametrize("name", USAGE_VIEWS)
    def test_the_rows_and_what_was_cut_add_up_to_the_total(
        self, name: ViewName, store: str, machine: MadeMachine
    ) -> None:
        machine.has(store)
        for limit in (None, 1, 2):
            found = machine.view(name, limit=limit)
            parts = [row.usage for row in found.rows] + ([found.cut.usage] if found.cut else [])
            assert len(found.rows) <= (limit or 1_000_000)
            assert tuple(map(sum, zip(*map(used, parts), strict=True))) == used(found.totals)
            assert sum(part.cost_nusd for part in parts) == found.totals.cost_nusd


class TestGeneratedTrees:
    @pytest.mark.parametrize(
        ("sessions", "projects", "models"),
        [(1, 1, 1), (9, 2, 3), (60, 40, 30), (1_100, 12, 9)],
        ids=["one", "a few", "many projects and models", "over a thousand"],
    )
    def test_every_view_agrees_with_a_recount_of_the_files(
        self, sessions: int, projects: int, models: int, machine: MadeMachine
    ) -> None:
        recount.history(machine.tree, sessions, projects=projects, models=models, since=SINCE, days=40)
        machine.view("overview", now=NOW)
        views: list[tuple[ViewName, Callable[[dict[str, Any]], str], dict[str, Any]]] = [
            ("overview", recount.model, {}),
            ("models", recount.model, {}),
            ("agents", recount.agent, {}),
            ("projects", recount.project, {}),
            ("projects", recount.separate_project, {"separate_global": True}),
            ("sessions", recount.session_of, {}),
        ]
        for name, key, asked in views:
            counted = recount.recount(machine.data_dir, key)
            found = machine.answer(name, now=NOW, **asked)
            assert by_key(found) == {key: (of.messages, *of.tokens) for key, of in counted.items()}, name
            costs = {row.key: row.usage.cost_nusd / 1e9 for row in found.rows}
            assert costs == pytest.approx({key: of.cost for key, of in counted.items()})

    @pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"])
    def test_the_timeline_agrees_in_every_zone(self, zone: str, machine: MadeMachine) -> None:
        """The forty days hold a change of the clock in Berlin and in New York, and Kathmandu is 5:45 ahead."""
        recount.history(machine.tree, 400, projects=3, models=3, since=SINCE, days=40)
        found = machine.view("timeline", now=NOW.astimezone(ZoneInfo(zone)))
        counted = recount.recount(machine.data_dir, recount.day(ZoneInfo(zone)))
        assert {row.key: used(row.usage) for row in found.rows if row.usage != NO_USAGE} == {
            key: (of.messages, *of.tokens) for key, of in counted.items()
        }

    def test_without_any_message_all_views_are_empty(self, machine: MadeMachine) -> None:
        for name in VIEW_NAMES:
            assert_empty(machine.view(name))

    def test_without_a_ledger_all_views_are_empty(self) -> None:
        now = datetime.now(UTC)
        for name in VIEW_NAMES:
            assert_empty(answer(name, Question(range=named_range("all", now)), None, now=now))


def assert_empty(view: View) -> None:
    assert list(view.rows) == []
    assert view.totals == NO_USAGE
    assert view.newest is None


class TestFilters:
    @pytest.fixture
    def filled(self, machine: MadeMachine) -> MadeMachine:
        at = datetime(2026, 1, 20, 12, tzinfo=UTC)
        persona = Project(worktree="/home/dev/projects/Persona")
        inside = {"project": persona, "directory": "/home/dev/projects/Persona/src"}
        put(machine.tree, 1, at, 1, **inside, model="gpt-5", provider="openai", agent="build", title="Fix [the] parser")
        put(machine.tree, 2, at, 2, **inside, model="claude-sonnet-4-5", provider="anthropic", agent="plan")
        outside = {"project": GLOBAL, "directory": "/home/dev/persona-notes"}
        put(machine.tree, 3, at, 4, **outside, model="gpt-5-codex", provider="openai", agent="Sisyphus")
        return machine

    @pytest.mark.parametrize(
        ("filters", "tokens"),
        [
            ({"models": ("gpt-5",)}, 1),
            ({"models": ("gpt-5*",)}, 5),
            ({"models": ("openai/*",)}, 5),
            ({"models": ("OPENAI/GPT-5",)}, 1),
            ({"models": ("gpt-5", "claude*")}, 3),
            ({"models": ("gpt",)}, 0),
            ({"agents": ("sisyphus",)}, 4),
            ({"agents": ("[bp]*",)}, 3),
            ({"projects": ("persona",)}, 3),
            ({"projects": ("persona*",)}, 7),
            ({"projects": ("(global)",)}, 4),
            ({"projects": ("/home/dev/projects/persona/",)}, 3),
            ({"projects": ("/home/dev/*",)}, 7),
            ({"projects": ("dev",)}, 0),
            ({"sessions": ("fix*",)}, 1),
            ({"sessions": ("ses_*",)}, 7),
            ({"models": ("gpt*",), "projects": ("persona",)}, 1),
            ({"models": ("gpt*",), "agents": ("plan",)}, 0),
        ],
        ids=str,
    )
    def test_a_message_passes_if_each_kind_of_filter_has_a_glob_that_matches(
        self, filters: dict[str, tuple[str, ...]], tokens: int, filled: MadeMachine
    ) -> None:
        filled.view("models")
        for name in USAGE_VIEWS:
            found = filled.answer(name, filters=Filters(**filters))
            assert found.totals.tokens.total == tokens
            assert sum(row.usage.tokens.total for row in found.rows) == tokens

    def test_a_project_filter_understands_the_tilde_of_a_home_folder(self, machine: MadeMachine, tmp_path: Any) -> None:
        folder = f"{tmp_path}/work/app"
        put(machine.tree, 1, NOW, project=Project(worktree=folder), directory=folder)
        found = machine.view("projects", filters=Filters(projects=("~/work/*",)))
        assert [row.key for row in found.rows] == [folder]

    def test_a_filter_that_looks_like_sql_is_only_text(self, filled: MadeMachine) -> None:
        hostile = ("x' OR 1=1 --", '"', "\0", "%", "[")
        for kind in ("models", "agents", "projects", "sessions"):
            assert filled.view("models", filters=Filters(**{kind: hostile})).totals == NO_USAGE


class TestOrder:
    @pytest.fixture
    def filled(self, machine: MadeMachine) -> MadeMachine:
        first = datetime(2026, 1, 20, 12, tzinfo=UTC)
        for number, (model, tokens, cost) in enumerate([("b", 5, 0.5), ("a", 5, 2), ("c", 9, 0), ("a", 1, 0)]):
            put(machine.tree, number, first + timedelta(hours=number), tokens, model=model, cost=cost)
        return machine

    @pytest.mark.parametrize(
        ("sort", "models"),
        [
            (None, ["c", "a", "b"]),
            ("tokens", ["c", "a", "b"]),
            ("messages", ["a", "b", "c"]),
            ("cost", ["a", "b", "c"]),
            ("last", ["a", "c", "b"]),
            ("first", ["b", "a", "c"]),
            ("name", ["a", "b", "c"]),
        ],
    )
    def test_models_are_sorted_as_asked(self, sort: str | None, models: list[str], filled: MadeMachine) -> None:
        keys = [row.key for row in filled.view("models", sort=sort).rows]
        assert keys == [f"zai-coding-plan/{model}" for model in models]

    def test_sessions_are_sorted_by_their_last_message_unless_asked_otherwise(self, filled: MadeMachine) -> None:
        assert [row.usage.tokens.total for row in filled.view("sessions").rows] == [1, 9, 5, 5]
        assert [row.usage.tokens.total for row in filled.view("sessions", sort="tokens").rows] == [9, 5, 5, 1]
        assert [row.usage.tokens.total for row in filled.view("sessions", sort="first").rows] == [5, 5, 9, 1]

    def test_the_models_that_were_cut_have_no_number_of_sessions_because_models_share_sessions(
        self, filled: MadeMachine
    ) -> None:
        found = filled.view("models", limit=1)
        assert found.cut is not None
        assert found.cut.rows == 2
        assert found.cut.usage.messages == 3
        assert found.cut.usage.sessions == 0


class TestActive:
    def test_sessions_with_a_message_in_the_last_quarter_of_an_hour_are_active_the_latest_first(
        self, machine: MadeMachine
    ) -> None:
        now = datetime.fromtimestamp(T0 / 1000, UTC)
        for number, minutes in enumerate([16, 14, 1, 40]):
            put(machine.tree, number, now - timedelta(minutes=minutes), title=f"{minutes} min ago")
        active = activity(machine.view("overview", now=now)).sessions
        assert [session.title for session in active] == ["1 min ago", "14 min ago"]

    def test_an_active_session_is_shown_with_all_the_usage_it_ever_had(self, machine: MadeMachine) -> None:
        of = session(created=T0 - 90_000_000)
        machine.tree.put_turn(message(of, Tokens(input=5), at=T0 - 86_400_000, counter=1))
        machine.tree.put_turn(message(of, Tokens(input=7), at=T0 - 60_000, counter=2))
        (active,) = activity(machine.view("overview", "today", now=datetime.fromtimestamp(T0 / 1000, UTC))).sessions
        assert active.usage.messages == 2
        assert active.usage.tokens.input == 12

    def test_active_sessions_are_filtered(self, machine: MadeMachine) -> None:
        now = datetime.fromtimestamp(T0 / 1000, UTC)
        put(machine.tree, 1, now - timedelta(minutes=1), title="one", model="gpt")
        put(machine.tree, 2, now - timedelta(minutes=1), title="other", model="glm")
        found = machine.view("overview", now=now, filters=Filters(models=("g?t",)))
        assert [session.title for session in activity(found).sessions] == ["one"]

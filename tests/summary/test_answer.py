"""What each view adds up, against the stores' own expected numbers and a recount of generated trees."""

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
from otel_agent.summary.view import VIEW_NAMES, Row, View, ViewName, overlap, shown
from tests.summary import recount
from tests.summary.conftest import Machine
from tests.support.made_stores import GLOBAL, T0, JsonTree, Project, Tokens, message, session
from tests.support.paths import STORES

REAL = sorted(path.parent.name for path in STORES.glob("*/expected.json"))
BERLIN = ZoneInfo("Europe/Berlin")
SINCE = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 4, 15, 12, tzinfo=BERLIN)


def expected(store: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((STORES / store / "expected.json").read_text())
    return found


def numbers(of: Mapping[str, int]) -> tuple[int, ...]:
    return of["messages"], *(of[kind] for kind in recount.KINDS)


def used(usage: Usage) -> tuple[int, ...]:
    return usage.messages, *usage.tokens.by_category()


def by_key(view: View[Row]) -> dict[str, tuple[int, ...]]:
    return {row.key: used(row.usage) for row in view.rows}


class TestRealStores:
    @pytest.mark.parametrize("store", REAL)
    def test_every_view_is_what_was_recounted_by_hand(self, store: str, machine: Machine) -> None:
        machine.has(store)
        told = expected(store)
        total = told["messages"], *(told["tokens"][kind] for kind in recount.KINDS)
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
            by = {("(global)" if key == "/" else key): numbers(each) for key, each in told["by"][dimension].items()}
            assert by_key(found) == by, name
            assert used(found.totals) == total
            assert found.totals.cost_nusd == round(told["cost"] * 1e9)
            assert found.totals.sessions == len(told["by"]["session"])
        assert used(machine.answer("timeline").totals) == total

    @pytest.mark.parametrize("store", [store for store in REAL if "overlap" in expected(store)])
    def test_disjoint_leaves_out_exactly_the_overlap(self, store: str, machine: Machine) -> None:
        machine.has(store)
        told = expected(store)
        found = machine.view("models")
        assert overlap(found.totals) == sum(told["overlap"].values())
        recorded, disjoint = shown(found.totals, "recorded"), shown(found.totals, "disjoint")
        assert recorded.input - disjoint.input == told["overlap"]["cache_read"]
        assert recorded.output - disjoint.output == told["overlap"]["reasoning"]
        assert recorded.total - disjoint.total == sum(told["overlap"].values())

    @pytest.mark.parametrize("store", REAL)
    @pytest.mark.parametrize("name", VIEW_NAMES)
    def test_rows_and_cut_add_up_to_the_total(self, name: ViewName, store: str, machine: Machine) -> None:
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
        self, sessions: int, projects: int, models: int, machine: Machine
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
            assert by_key(found) == {key: (each.messages, *each.tokens) for key, each in counted.items()}, name
            costs = {row.key: row.usage.cost_nusd / 1e9 for row in found.rows}
            assert costs == pytest.approx({key: each.cost for key, each in counted.items()})

    @pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"])
    def test_the_timeline_agrees_in_every_zone(self, zone: str, machine: Machine) -> None:
        """The forty days hold a change of the clock in Berlin and in New York, and Kathmandu is 5:45 ahead."""
        recount.history(machine.tree, 400, projects=3, models=3, since=SINCE, days=40)
        found = machine.view("timeline", now=NOW.astimezone(ZoneInfo(zone)))
        counted = recount.recount(machine.data_dir, recount.day(ZoneInfo(zone)))
        assert {row.key: used(row.usage) for row in found.rows if row.usage != NO_USAGE} == {
            key: (each.messages, *each.tokens) for key, each in counted.items()
        }

    def test_nothing_at_all(self, machine: Machine) -> None:
        for name in VIEW_NAMES:
            found = machine.view(name)
            assert (list(found.rows), found.totals, found.newest) == ([], NO_USAGE, None)

    def test_no_ledger(self) -> None:
        now = datetime.now(UTC)
        for name in VIEW_NAMES:
            found = answer(name, Question(range=named_range("all", now)), None, now=now)
            assert (list(found.rows), found.totals, found.newest) == ([], NO_USAGE, None)


def put(tree: JsonTree, number: int, at: datetime, tokens: int = 1, **of: Any) -> None:
    """A session of its own with one message that ends at that moment."""
    ended = round(at.timestamp() * 1000)
    fields = {key: of.pop(key) for key in ("model", "provider", "agent", "cost") if key in of}
    conversation = session(created=ended - 90_000, counter=number, **of)
    tree.put_turn(
        message(conversation, Tokens(input=tokens), at=ended - 60_000, counter=number, completed=ended, **fields)
    )


class TestRanges:
    """A day begins at midnight where the person is, and a message belongs to the day it was completed on."""

    def test_from_midnight_on(self, machine: Machine) -> None:
        midnight = datetime(2026, 1, 23, tzinfo=BERLIN)
        put(machine.tree, 1, midnight - timedelta(milliseconds=1))
        put(machine.tree, 2, midnight)
        assert machine.overview("today", now=midnight + timedelta(hours=9)).totals.messages == 1

    @pytest.mark.parametrize("day", [(2026, 3, 29), (2025, 10, 26)], ids=["spring", "autumn"])
    def test_on_the_day_the_clock_changes(self, day: tuple[int, int, int], machine: Machine) -> None:
        put(machine.tree, 1, datetime(*day, 0, 30, tzinfo=BERLIN))
        put(machine.tree, 2, datetime(*day, 23, 30, tzinfo=BERLIN))
        assert machine.overview("today", now=datetime(*day, 23, 45, tzinfo=BERLIN)).totals.messages == 2

    def test_in_whatever_zone(self, machine: Machine) -> None:
        """Two hours before midnight in Berlin it is tomorrow in Tokyo."""
        put(machine.tree, 1, datetime(2026, 1, 22, 22, tzinfo=BERLIN))
        tokyo = datetime(2026, 1, 23, 8, tzinfo=ZoneInfo("Asia/Tokyo"))
        assert machine.overview("today", now=tokyo).totals.messages == 1
        assert machine.overview("today", now=datetime(2026, 1, 23, 0, 30, tzinfo=BERLIN)).totals.messages == 0

    def test_the_newest_is_of_all_whatever_the_range(self, machine: Machine) -> None:
        put(machine.tree, 1, datetime(2026, 1, 1, 12, tzinfo=UTC))
        found = machine.overview("today", now=datetime(2026, 1, 23, tzinfo=UTC))
        assert (found.totals, found.newest) == (NO_USAGE, datetime(2026, 1, 1, 12, tzinfo=UTC))


class TestTimeline:
    def test_days_without_use_are_rows(self, machine: Machine) -> None:
        put(machine.tree, 1, datetime(2026, 1, 20, 12, tzinfo=UTC), tokens=5)
        put(machine.tree, 2, datetime(2026, 1, 22, 12, tzinfo=UTC), tokens=7)
        found = machine.view("timeline", "week", now=datetime(2026, 1, 23, 8, tzinfo=UTC))
        assert [(row.key, row.usage.tokens.total) for row in found.rows] == [
            ("2026-01-17", 0),
            ("2026-01-18", 0),
            ("2026-01-19", 0),
            ("2026-01-20", 5),
            ("2026-01-21", 0),
            ("2026-01-22", 7),
            ("2026-01-23", 0),
        ]

    def test_all_time_is_from_the_first_to_the_last_message(self, machine: Machine) -> None:
        put(machine.tree, 1, datetime(2025, 12, 30, 12, tzinfo=UTC))
        put(machine.tree, 2, datetime(2026, 1, 2, 12, tzinfo=UTC))
        keys = [row.key for row in machine.view("timeline", now=datetime(2026, 6, 1, tzinfo=UTC)).rows]
        assert keys == ["2025-12-30", "2025-12-31", "2026-01-01", "2026-01-02"]

    @pytest.mark.parametrize(
        ("by", "keys"),
        [
            ("week", ["2025-W52", "2026-W01", "2026-W02"]),
            ("month", ["2025-12", "2026-01"]),
        ],
    )
    def test_weeks_and_months(self, by: str, keys: list[str], machine: Machine) -> None:
        put(machine.tree, 1, datetime(2025, 12, 28, 12, tzinfo=UTC))
        put(machine.tree, 2, datetime(2026, 1, 5, 12, tzinfo=UTC))
        assert [row.key for row in machine.view("timeline", by=by).rows] == keys

    def test_the_hour_that_the_clock_repeats_is_two(self, machine: Machine) -> None:
        put(machine.tree, 1, datetime(2025, 10, 26, 0, 30, tzinfo=UTC), tokens=1)
        put(machine.tree, 2, datetime(2025, 10, 26, 1, 30, tzinfo=UTC), tokens=2)
        found = machine.view("timeline", now=datetime(2026, 1, 1, tzinfo=BERLIN), by="hour")
        assert [(row.key, row.usage.tokens.total) for row in found.rows] == [
            ("2025-10-26T02:00+02:00", 1),
            ("2025-10-26T02:00+01:00", 2),
        ]

    def test_a_session_counts_once_in_each_period(self, machine: Machine) -> None:
        of = session()
        for number in range(3):
            machine.tree.put_turn(message(of, Tokens(input=1), at=T0 + number * 1_200_000, counter=number))
        (row,) = machine.view("timeline").rows
        assert (row.usage.messages, row.usage.sessions) == (3, 1)

    def test_the_limit_keeps_the_latest(self, machine: Machine) -> None:
        put(machine.tree, 1, datetime(2026, 1, 20, 12, tzinfo=UTC), tokens=5)
        put(machine.tree, 2, datetime(2026, 1, 23, 7, tzinfo=UTC), tokens=7)
        found = machine.view("timeline", "week", now=datetime(2026, 1, 23, 8, tzinfo=UTC), limit=2)
        assert [row.key for row in found.rows] == ["2026-01-22", "2026-01-23"]
        assert found.cut is not None
        assert (found.cut.rows, found.cut.usage.tokens.total) == (5, 5)


class TestFilters:
    @pytest.fixture
    def filled(self, machine: Machine) -> Machine:
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
    def test_which_messages_they_let_through(
        self, filters: dict[str, tuple[str, ...]], tokens: int, filled: Machine
    ) -> None:
        filled.view("models")
        for name in VIEW_NAMES:
            found = filled.answer(name, filters=Filters(**filters))
            assert found.totals.tokens.total == tokens
            assert sum(row.usage.tokens.total for row in found.rows) == tokens

    def test_a_home_folder_is_written_as_people_write_it(self, machine: Machine, tmp_path: Any) -> None:
        folder = f"{tmp_path}/work/app"
        put(machine.tree, 1, NOW, project=Project(worktree=folder), directory=folder)
        found = machine.view("projects", filters=Filters(projects=("~/work/*",)))
        assert [row.key for row in found.rows] == [folder]

    def test_what_looks_like_sql_is_only_text(self, filled: Machine) -> None:
        hostile = ("x' OR 1=1 --", '"', "\0", "%", "[")
        for kind in ("models", "agents", "projects", "sessions"):
            assert filled.view("models", filters=Filters(**{kind: hostile})).totals == NO_USAGE


class TestOrder:
    @pytest.fixture
    def filled(self, machine: Machine) -> Machine:
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
    def test_of_models(self, sort: str | None, models: list[str], filled: Machine) -> None:
        keys = [row.key for row in filled.view("models", sort=sort).rows]
        assert keys == [f"zai-coding-plan/{model}" for model in models]

    def test_sessions_by_the_last_message_unless_it_is_said(self, filled: Machine) -> None:
        assert [row.usage.tokens.total for row in filled.view("sessions").rows] == [1, 9, 5, 5]
        assert [row.usage.tokens.total for row in filled.view("sessions", sort="tokens").rows] == [9, 5, 5, 1]
        assert [row.usage.tokens.total for row in filled.view("sessions", sort="first").rows] == [5, 5, 9, 1]

    def test_models_share_sessions_so_what_was_cut_has_none(self, filled: Machine) -> None:
        found = filled.view("models", limit=1)
        assert found.cut is not None
        assert (found.cut.rows, found.cut.usage.messages, found.cut.usage.sessions) == (2, 3, 0)


class TestActive:
    def test_sessions_of_the_last_quarter_of_an_hour_the_latest_first(self, machine: Machine) -> None:
        now = datetime.fromtimestamp(T0 / 1000, UTC)
        for number, minutes in enumerate([16, 14, 1, 40]):
            put(machine.tree, number, now - timedelta(minutes=minutes), title=f"{minutes} min ago")
        assert [each.title for each in machine.overview(now=now).active] == ["1 min ago", "14 min ago"]

    def test_each_with_all_it_ever_used(self, machine: Machine) -> None:
        of = session(created=T0 - 90_000_000)
        machine.tree.put_turn(message(of, Tokens(input=5), at=T0 - 86_400_000, counter=1))
        machine.tree.put_turn(message(of, Tokens(input=7), at=T0 - 60_000, counter=2))
        (active,) = machine.overview("today", now=datetime.fromtimestamp(T0 / 1000, UTC)).active
        assert (active.usage.messages, active.usage.tokens.input) == (2, 12)

    def test_only_those_that_the_filters_let_through(self, machine: Machine) -> None:
        now = datetime.fromtimestamp(T0 / 1000, UTC)
        put(machine.tree, 1, now - timedelta(minutes=1), title="one", model="gpt")
        put(machine.tree, 2, now - timedelta(minutes=1), title="other", model="glm")
        assert [each.title for each in machine.overview(now=now, filters=Filters(models=("g?t",))).active] == ["one"]

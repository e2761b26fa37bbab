"""Which messages an overview adds up, and the JSON it is for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from otel_agent.report.as_json import overview_json
from otel_agent.report.overview import overview
from tests.made_stores import T0, Tokens, message, session
from tests.report.conftest import STORES, Machine

REAL = sorted(path.parent.name for path in STORES.glob("*/expected.json"))
BERLIN = ZoneInfo("Europe/Berlin")


def recount(store: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((STORES / store / "expected.json").read_text())
    return found


def tokens(of: Mapping[str, int]) -> dict[str, int]:
    kinds = ("input", "output", "reasoning", "cache_read", "cache_write")
    return {kind: of[kind] for kind in kinds} | {"total": sum(of[kind] for kind in kinds)}


def as_json(machine: Machine, *choices: Any, **named: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(overview_json(machine.overview(*choices, **named)))
    return found


NOTHING = {"input": 0, "output": 0, "reasoning": 0, "cache_read": 0, "cache_write": 0, "total": 0}
EMPTY = {
    "schema_version": 1,
    "view": "overview",
    "range": {"name": "all", "from": None, "to": None, "tz": "UTC"},
    "accounting": "recorded",
    "totals": {"messages": 0, "sessions": 0, "tokens": NOTHING, "cost_usd": 0.0},
    "rows": [],
    "overlap_tokens": 0,
    "active_sessions": [],
    "newest": None,
}


class TestJson:
    def test_nothing_is_zeros(self, machine: Machine) -> None:
        assert as_json(machine) == EMPTY

    def test_no_ledger_is_zeros_too(self) -> None:
        assert json.loads(overview_json(overview(None, "all", "recorded", datetime.now(UTC)))) == EMPTY

    @pytest.mark.parametrize("store", REAL)
    def test_it_is_what_was_recounted_by_hand(self, store: str, machine: Machine) -> None:
        machine.has(store)
        found, expected = as_json(machine), recount(store)
        assert found["totals"]["tokens"] == tokens(expected["tokens"])
        assert found["totals"]["messages"] == expected["messages"]
        assert found["totals"]["cost_usd"] == pytest.approx(expected["cost"], rel=1e-9)
        assert found["totals"]["sessions"] == len(expected["by"]["session"])
        assert {row["key"]: (row["messages"], row["tokens"]) for row in found["rows"]} == {
            model: (used["messages"], tokens(used)) for model, used in expected["by"]["model"].items()
        }

    @pytest.mark.parametrize("store", REAL)
    def test_rows_add_up_to_the_totals(self, store: str, machine: Machine) -> None:
        machine.has(store)
        found = as_json(machine)
        for kind in NOTHING:
            assert sum(row["tokens"][kind] for row in found["rows"]) == found["totals"]["tokens"][kind]
        assert sum(row["cost_usd"] for row in found["rows"]) == pytest.approx(found["totals"]["cost_usd"])
        totals = [row["tokens"]["total"] for row in found["rows"]]
        assert totals == sorted(totals, reverse=True)

    def test_the_shape_of_everything(self, machine: Machine) -> None:
        machine.tree.put_turn(message(session(), Tokens(1, 2, 3, 4, 5), cost=0.25))
        now = datetime.fromtimestamp(T0 / 1000 + 60, BERLIN)
        used = {
            "messages": 1,
            "sessions": 1,
            "tokens": {"input": 1, "output": 2, "reasoning": 3, "cache_read": 4, "cache_write": 5, "total": 15},
            "cost_usd": 0.25,
        }
        found = as_json(machine, "today", "recorded", now)
        assert found.pop("overlap_tokens") in (0, 2)
        assert found == {
            "schema_version": 1,
            "view": "overview",
            "range": {"name": "today", "from": "2026-01-23T00:00:00+01:00", "to": None, "tz": "Europe/Berlin"},
            "accounting": "recorded",
            "totals": used,
            "rows": [{"key": "zai-coding-plan/glm-4.7", **used}],
            "active_sessions": [{"key": session().id, "title": "Rename the parser", **used}],
            "newest": "2026-01-23T14:25:30+01:00",
        }

    def test_a_title_does_nothing_to_a_terminal(self, machine: Machine) -> None:
        title = "\x1b[31m \x9b31m \x7f \u202e 日本語"
        machine.tree.put_turn(message(session(title=title), Tokens(input=1)))
        printed = overview_json(machine.overview(now=datetime.fromtimestamp(T0 / 1000, UTC)))
        assert printed.isascii()
        assert all(letter.isprintable() or letter == "\n" for letter in printed)
        assert json.loads(printed)["active_sessions"][0]["title"] == title


class TestAccounting:
    @pytest.mark.parametrize("store", [store for store in REAL if "overlap" in recount(store)])
    def test_disjoint_leaves_out_exactly_the_overlap(self, store: str, machine: Machine) -> None:
        machine.has(store)
        recorded, disjoint = as_json(machine), as_json(machine, "all", "disjoint")
        overlap = recount(store)["overlap"]
        assert recorded["overlap_tokens"] == sum(overlap.values())
        assert disjoint["overlap_tokens"] == 0
        expected = dict(recorded["totals"]["tokens"])
        expected["input"] -= overlap["cache_read"]
        expected["output"] -= overlap["reasoning"]
        expected["total"] -= sum(overlap.values())
        assert disjoint["totals"]["tokens"] == expected
        assert disjoint["totals"]["cost_usd"] == recorded["totals"]["cost_usd"]

    def test_it_is_said_which(self, machine: Machine) -> None:
        assert [as_json(machine, "all", which)["accounting"] for which in ("recorded", "disjoint")] == [
            "recorded",
            "disjoint",
        ]


class TestToday:
    """A day begins at midnight where the person is, and a message belongs to the day it was completed on."""

    @staticmethod
    def counted(machine: Machine, now: datetime, *completed: datetime) -> int:
        for number, moment in enumerate(completed):
            at = round(moment.timestamp() * 1000)
            of = session(created=at - 7_200_000, counter=number)
            machine.tree.put_turn(
                message(of, Tokens(input=1), at=at - 3_600_000, counter=number, completed=at, cost=number)
            )
        return machine.overview("today", now=now).totals.messages

    def test_from_midnight_on(self, machine: Machine) -> None:
        midnight = datetime(2026, 1, 23, tzinfo=BERLIN)
        last_of_yesterday = midnight - timedelta(milliseconds=1)
        assert self.counted(machine, midnight + timedelta(hours=9), last_of_yesterday, midnight) == 1

    @pytest.mark.parametrize("day", [(2026, 3, 29), (2025, 10, 26)], ids=["spring", "autumn"])
    def test_on_the_day_the_clock_changes(self, day: tuple[int, int, int], machine: Machine) -> None:
        midnight = datetime(*day, tzinfo=BERLIN)
        moments = [midnight + timedelta(minutes=30), datetime(*day, 23, 30, tzinfo=BERLIN)]
        assert self.counted(machine, datetime(*day, 23, 45, tzinfo=BERLIN), *moments) == 2

    def test_in_whatever_zone(self, machine: Machine) -> None:
        """Two hours before midnight in Berlin it is tomorrow in Tokyo."""
        moment = datetime(2026, 1, 22, 22, tzinfo=BERLIN)
        assert self.counted(machine, datetime(2026, 1, 23, 8, tzinfo=ZoneInfo("Asia/Tokyo")), moment) == 1
        assert machine.overview("today", now=datetime(2026, 1, 23, 0, 30, tzinfo=BERLIN)).totals.messages == 0


class TestActive:
    def test_sessions_of_the_last_quarter_of_an_hour_the_latest_first(self, machine: Machine) -> None:
        now = datetime.fromtimestamp(T0 / 1000, UTC)
        for number, minutes in enumerate([16, 14, 1, 40]):
            at = T0 - minutes * 60_000
            of = session(created=at, counter=number, title=f"{minutes} min ago")
            machine.tree.put_turn(message(of, Tokens(input=number), at=at, counter=number, completed=at))
        assert [each.title for each in machine.overview(now=now).active] == ["1 min ago", "14 min ago"]

    def test_each_with_all_it_ever_used(self, machine: Machine) -> None:
        of = session(created=T0 - 90_000_000)
        machine.tree.put_turn(message(of, Tokens(input=5), at=T0 - 86_400_000, counter=1))
        machine.tree.put_turn(message(of, Tokens(input=7), at=T0 - 60_000, counter=2))
        (active,) = machine.overview("today", now=datetime.fromtimestamp(T0 / 1000, UTC)).active
        assert (active.usage.messages, active.usage.tokens.input) == (2, 12)

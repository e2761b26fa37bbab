"""JSON for scripts fits its schema, and has every number that was counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from otel_agent.model import ProcessMode, ProcessSample
from otel_agent.summary.formats.as_json import as_json
from otel_agent.summary.view import USAGE_VIEWS, VIEW_NAMES, Process, View, ViewName
from tests.summary.formats.made_text import HOSTILE, KINDS, NOW, hostile
from tests.summary.made_machine import MadeMachine, with_processes
from tests.support.made_stores import Tokens, message, session
from tests.support.paths import ROOT, STORES

SCHEMA = json.loads((ROOT / "docs" / "summary.schema.json").read_text(encoding="utf-8"))
REAL = sorted(path.parent.name for path in STORES.glob("*/expected.json"))


def parsed(*views: View) -> Any:
    printed = as_json(views)
    assert printed.isascii()
    found = json.loads(printed)
    jsonschema.validate(found, SCHEMA, format_checker=jsonschema.FormatChecker())
    return found


USED = {
    "messages": 1,
    "sessions": 1,
    "tokens": {"input": 1, "output": 2, "reasoning": 3, "cache_read": 4, "cache_write": 5, "total": 15},
    "cost_usd": 0.25,
}


class TestJsonOfAnOverview:
    """With one message, and one process that runs."""

    @pytest.fixture
    def found(self, machine: MadeMachine) -> dict[str, Any]:
        machine.tree.put_turn(message(session(), Tokens(1, 2, 3, 4, 5), cost=0.25))
        sample = ProcessSample(
            pid=7,
            created_s=NOW.timestamp() - 90,
            mode=ProcessMode.SERVER,
            executable="opencode",
            directory="/x",
            cpu_s=1.0,
            rss_bytes=5,
            vms_bytes=6,
            threads=1,
            file_descriptors=None,
        )
        view = machine.view("overview", "today", now=NOW)
        found: dict[str, Any] = parsed(with_processes(view, [Process(sample, 0.5)]))
        return found

    def test_the_document_says_what_it_is_of(self, found: dict[str, Any]) -> None:
        parts = ("totals", "unattributed", "rows", "active_sessions", "processes", "budgets", "overlap_tokens")
        assert {name: value for name, value in found.items() if name not in parts} == {
            "schema_version": 1,
            "view": "overview",
            "range": {
                "name": "today",
                "from": "2026-01-23T00:00:00+01:00",
                "to": "2026-01-24T00:00:00+01:00",
                "tz": "Europe/Berlin",
            },
            "accounting": "recorded",
            "filters": {"projects": [], "models": [], "agents": [], "sessions": []},
            "sort": None,
            "generated_at": "2026-01-23T14:25:52+01:00",
            "cut": None,
            "newest": "2026-01-23T14:25:30+01:00",
            "complete": True,
            "reading": None,
            "warnings": [],
            "hints": [],
            "loops": [],
        }
        assert set(parts) <= set(found)

    def test_the_totals_are_messages_sessions_tokens_and_cost(self, found: dict[str, Any]) -> None:
        assert found["totals"] == USED
        assert found["overlap_tokens"] == 2, "of three tokens of reasoning, output can contain two"

    def test_a_row_is_a_model_with_its_share_and_cache_hits(self, found: dict[str, Any]) -> None:
        assert found["rows"] == [{"key": "zai-coding-plan/glm-4.7", "share": 1.0, "cache_hit_ratio": 0.4, **USED}]

    def test_an_active_session_has_its_times_and_its_usage_with_subagents(self, found: dict[str, Any]) -> None:
        assert found["active_sessions"] == [
            {
                "key": session().id,
                "title": "Rename the parser",
                "project": "/home/dev/projects/persona",
                "directory": "/home/dev/projects/persona",
                "parent": None,
                "first": "2026-01-23T14:25:30+01:00",
                "last": "2026-01-23T14:25:30+01:00",
                "with_subagents": USED,
                **USED,
            }
        ]

    def test_a_process_has_its_mode_and_what_it_uses(self, found: dict[str, Any]) -> None:
        assert found["processes"] == [
            {
                "pid": 7,
                "mode": "server",
                "cpu": 0.5,
                "memory_bytes": 5,
                "started": "2026-01-23T14:24:22+01:00",
                "uptime_seconds": 90,
                "directory": "/x",
            }
        ]


class TestJson:
    @pytest.mark.parametrize("name", VIEW_NAMES)
    def test_without_any_message_all_numbers_are_zero(self, name: ViewName, machine: MadeMachine) -> None:
        found = parsed(machine.view(name))
        tokens = dict.fromkeys((*KINDS, "total"), 0)
        assert found["totals"] == {"messages": 0, "sessions": 0, "tokens": tokens, "cost_usd": 0.0}
        assert found["rows"] == []
        assert found["newest"] is None
        assert found["range"]["from"] is None
        assert found["range"]["to"] is None

    @pytest.mark.parametrize("store", REAL)
    @pytest.mark.parametrize("name", USAGE_VIEWS)
    def test_every_view_of_every_store_has_the_numbers_that_were_counted_by_hand(
        self, name: ViewName, store: str, machine: MadeMachine
    ) -> None:
        machine.has(store)
        truth = json.loads((STORES / store / "expected.json").read_text())
        found = parsed(machine.view(name))
        tokens = {kind: truth["tokens"][kind] for kind in KINDS} | {
            "total": sum(truth["tokens"][kind] for kind in KINDS)
        }
        assert found["totals"]["tokens"] == tokens
        assert found["totals"]["cost_usd"] == pytest.approx(truth["cost"], rel=1e-9)
        for kind in (*KINDS, "total"):
            assert sum(row["tokens"][kind] for row in found["rows"]) == tokens[kind]
        dimension = {"overview": "model", "timeline": ""}.get(name, name.removesuffix("s"))
        if dimension:
            expected = {("(global)" if key == "/" else key): of for key, of in truth["by"][dimension].items()}
            assert {row["key"]: row["messages"] for row in found["rows"]} == {
                key: of["messages"] for key, of in expected.items()
            }
            for row in found["rows"]:
                assert {kind: row["tokens"][kind] for kind in KINDS} == {k: expected[row["key"]][k] for k in KINDS}

    def test_several_views_are_one_document_with_a_list(self, machine: MadeMachine) -> None:
        machine.has("json-1.1.27")
        found = parsed(*(machine.view(name) for name in VIEW_NAMES))
        assert [view["view"] for view in found["views"]] == list(VIEW_NAMES)

    def test_the_rows_that_were_cut_are_counted(self, machine: MadeMachine) -> None:
        machine.has("json-1.1.27")
        found = parsed(machine.view("models", limit=1))
        assert found["cut"]["rows"] == 2
        assert found["cut"]["messages"] + found["rows"][0]["messages"] == found["totals"]["messages"] == 14

    def test_a_period_has_its_begin_and_its_end(self, machine: MadeMachine) -> None:
        machine.has("json-1.1.27")
        (day,) = parsed(machine.view("timeline", now=datetime(2026, 11, 23, tzinfo=UTC)))["rows"]
        assert day["key"] == "2026-11-22"
        assert day["from"] == "2026-11-22T00:00:00+00:00"
        assert day["to"] == "2026-11-23T00:00:00+00:00"

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_text_from_storage_comes_back_as_it_was(self, text: str, machine: MadeMachine) -> None:
        hostile(machine, text)
        assert parsed(machine.view("sessions"))["rows"][0]["title"] == text

"""Formats for scripts and for sharing are stable, complete, and safe whatever a title holds."""

from __future__ import annotations

import csv
import html
import io
import json
from datetime import UTC, datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from otel_agent.model import ProcessMode, ProcessSample
from otel_agent.summary.formats import WRITERS, Format
from otel_agent.summary.formats.as_csv import as_csv
from otel_agent.summary.formats.as_json import as_json
from otel_agent.summary.formats.as_markdown import as_markdown
from otel_agent.summary.view import USAGE_VIEWS, VIEW_NAMES, Process, View, ViewName
from tests.summary.made_machine import MadeMachine, with_processes
from tests.support.made_stores import T0, Tokens, message, session
from tests.support.paths import ROOT, STORES

SCHEMA = json.loads((ROOT / "docs" / "summary.schema.json").read_text(encoding="utf-8"))
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime.fromtimestamp(T0 / 1000 + 60, BERLIN)
KINDS = ("input", "output", "reasoning", "cache_read", "cache_write")
REAL = sorted(path.parent.name for path in STORES.glob("*/expected.json"))

HOSTILE = {
    "formula": "=HYPERLINK('http://x';A1)",
    "plus": "+1",
    "minus": "-2+3",
    "at": "@SUM(A1)",
    "full-width": "＝1+1",  # noqa: RUF001 - that it looks alike is what matters
    "spaces before": "  =1+1",
    "tab": "\t=1",
    "quotes": 'say "hi", twice',
    "lines": "one\r\ntwo\n| three |",
    "escape": "\x1b[31mred\x07",
    "markup": "[bold]x[/] <b>y</b> &amp; `z` *w* _v_ ~~u~~ [t](http://s) ![r](q) # p | o",
    "links": "http://example.com www.example.com @octocat #1 a@example.com",
    "html": "</text><script>alert(1)</script><!-- ]]>",
    "right to left": "\u202eabc",
    "braces": "{code} {stylesheet} {{}}",
    "backslash": "a\\|b\\",
}


def parsed(*views: View) -> Any:
    printed = as_json(views)
    assert printed.isascii()
    found = json.loads(printed)
    jsonschema.validate(found, SCHEMA, format_checker=jsonschema.FormatChecker())
    return found


def hostile(machine: MadeMachine, text: str) -> None:
    """Write a message whose session, model and agent have that name."""
    machine.tree.put_turn(
        message(session(title=text), Tokens(7, 1, 0, 2, 0), model=text, agent=text, provider="p", cost=0.5)
    )


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


class TestCsv:
    def rows(self, view: View) -> list[dict[str, str]]:
        text = as_csv(view)
        assert text.endswith("\r\n")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    @pytest.mark.parametrize("name", USAGE_VIEWS)
    def test_every_view_has_a_line_per_row_with_all_numbers(self, name: ViewName, machine: MadeMachine) -> None:
        machine.has("json-1.1.27")
        view = machine.view(name)
        found = self.rows(view)
        assert [row["key"] for row in found] == [row.key for row in view.rows]
        assert sum(int(row["total"]) for row in found) == 107_562
        assert sum(float(row["cost_usd"]) for row in found) == pytest.approx(0.17123185)
        assert all(set(row) >= {"messages", "sessions", *KINDS} for row in found)

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_text_from_storage_is_never_a_formula_and_breaks_no_line(self, text: str, machine: MadeMachine) -> None:
        hostile(machine, text)
        for name in ("sessions", "models", "agents"):
            printed = as_csv(machine.view(name))
            assert len(printed.split("\r\n")) == 3
            (row,) = csv.DictReader(io.StringIO(printed, newline=""))
            for cell in row.values():
                first = cell.strip()[:1]
                assert first not in ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001
                assert all(letter.isprintable() for letter in cell)

    def test_ordinary_text_is_written_as_it_is(self, machine: MadeMachine) -> None:
        hostile(machine, 'say "hi", 2 - 1 = 1')
        assert self.rows(machine.view("sessions"))[0]["title"] == 'say "hi", 2 - 1 = 1'

    def test_a_view_without_rows_is_a_line_of_names(self, machine: MadeMachine) -> None:
        assert as_csv(machine.view("models")) == (
            "key,share,cache_hit_ratio,messages,sessions,input,output,reasoning,cache_read,cache_write,total,cost_usd\r\n"
        )

    @pytest.mark.parametrize("name", USAGE_VIEWS)
    def test_the_names_are_the_same_with_and_without_rows(self, name: ViewName, machine: MadeMachine) -> None:
        machine.has("json-1.1.27")
        view = machine.view(name)
        assert view.rows
        names = [as_csv(replace(view, rows=rows)).split("\r\n")[0] for rows in (view.rows, [])]
        assert names[0] == names[1]


def cells(markdown: str) -> list[list[str]]:
    """Return the tables' cells as readers on GitHub see them; fail if one holds more than text."""
    tokens = MarkdownIt("gfm-like", {"html": True}).parse(markdown)
    rows: list[list[str]] = []
    for index, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type in ("th_open", "td_open"):
            inline = tokens[index + 1]
            inner = [part for part in inline.children or [] if part.type not in ("strong_open", "strong_close")]
            assert {part.type for part in inner} <= {"text", "text_special"}, inner
            rows[-1].append("".join(part.content for part in inner))
    return rows


class TestMarkdown:
    @pytest.mark.parametrize("name", USAGE_VIEWS)
    def test_every_view_is_a_table_with_its_totals(self, name: ViewName, machine: MadeMachine) -> None:
        machine.has("json-1.1.27")
        found = cells(as_markdown([machine.view(name)]))
        assert found[-1][0] == "Total"
        assert "107,562" in found[-1]
        assert len({len(row) for row in found}) == (2 if name == "overview" else 1)

    def test_an_overview_has_its_processes_categories_and_active_sessions(self, machine: MadeMachine) -> None:
        hostile(machine, "a title")
        sample = ProcessSample(
            pid=77,
            created_s=NOW.timestamp() - 3 * 3600,
            mode=ProcessMode.SERVER,
            executable="opencode",
            directory="/srv/shop",
            cpu_s=1.0,
            rss_bytes=512 * 2**20,
            vms_bytes=6,
            threads=1,
            file_descriptors=None,
        )
        view = with_processes(machine.view("overview", now=NOW), [Process(sample, 0.5)])
        found = cells(as_markdown([view]))
        assert ["77", "Server", "50.0%", "512 MB", "3:00:00", "/srv/shop"] in found
        assert ["Input", "7", "70.0%"] in found
        assert ["Cache read", "2", "20.0%"] in found
        assert [row[2:] for row in found if row[0] == "a title"] == [["1", "10"]]

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_text_from_storage_is_shown_and_never_interpreted(self, text: str, machine: MadeMachine) -> None:
        hostile(machine, text)
        shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
        found = cells(as_markdown([machine.view("sessions")]))
        assert found[1][0].strip() == shown.strip()
        assert cells(as_markdown([machine.view("models")]))[1][0].strip() == f"p/{shown}".strip()

    def test_the_notes_are_below_the_table(self, machine: MadeMachine) -> None:
        machine.has("json-1.1.27")
        below = as_markdown([machine.view("models", limit=1)]).split("|\n\n")[-1]
        assert "… and 2 more, 49,530 tokens" in below
        assert "Newest message" in below

    def test_a_view_without_rows_is_a_sentence(self, machine: MadeMachine) -> None:
        assert "No completed message was found." in as_markdown([machine.view("models")])


@pytest.mark.parametrize("form", get_args(Format))
def test_every_format_that_can_be_asked_for_has_a_writer(form: Format, machine: MadeMachine) -> None:
    machine.has("json-1.1.27")
    assert "claude-sonnet-4-5" in html.unescape(WRITERS[form]([machine.view("models")]))

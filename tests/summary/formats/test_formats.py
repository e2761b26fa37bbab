"""Formats for scripts and for sharing: stable, whole, and safe whatever a title holds."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from otel_agent.model import ProcessMode, ProcessSample
from otel_agent.summary.formats.as_csv import as_csv
from otel_agent.summary.formats.as_json import as_json
from otel_agent.summary.formats.as_markdown import as_markdown
from otel_agent.summary.formats.as_page import as_html, as_svg, as_text
from otel_agent.summary.view import VIEW_NAMES, Process, View, ViewName
from tests.summary.conftest import Machine
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


def parsed(*views: View[Any]) -> Any:
    printed = as_json(views)
    assert printed.isascii()
    found = json.loads(printed)
    jsonschema.validate(found, SCHEMA, format_checker=jsonschema.FormatChecker())
    return found


def hostile(machine: Machine, text: str) -> None:
    """A session, a model and an agent of that name."""
    machine.tree.put_turn(
        message(session(title=text), Tokens(7, 1, 0, 2, 0), model=text, agent=text, provider="p", cost=0.5)
    )


class TestJson:
    def test_the_shape_of_everything(self, machine: Machine) -> None:
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
        view = replace(machine.overview("today", now=NOW), processes=[Process(sample, 0.5)])
        used = {
            "messages": 1,
            "sessions": 1,
            "tokens": {"input": 1, "output": 2, "reasoning": 3, "cache_read": 4, "cache_write": 5, "total": 15},
            "cost_usd": 0.25,
        }
        found = parsed(view)
        assert found.pop("overlap_tokens") in (0, 2)
        assert found == {
            "schema_version": 1,
            "view": "overview",
            "range": {
                "name": "today",
                "from": "2026-01-23T00:00:00+01:00",
                "to": "2026-01-24T00:00:00+01:00",
                "tz": "Europe/Berlin",
            },
            "accounting": "recorded",
            "totals": used,
            "rows": [{"key": "zai-coding-plan/glm-4.7", "share": 1.0, "cache_hit_ratio": 0.4, **used}],
            "cut": None,
            "newest": "2026-01-23T14:25:30+01:00",
            "warnings": [],
            "hints": [],
            "active_sessions": [
                {
                    "key": session().id,
                    "title": "Rename the parser",
                    "project": "/home/dev/projects/persona",
                    "parent": None,
                    "first": "2026-01-23T14:25:30+01:00",
                    "last": "2026-01-23T14:25:30+01:00",
                    "with_subagents": used,
                    **used,
                }
            ],
            "processes": [
                {
                    "pid": 7,
                    "mode": "server",
                    "cpu": 0.5,
                    "memory_bytes": 5,
                    "started": "2026-01-23T14:24:22+01:00",
                    "uptime_seconds": 90,
                    "directory": "/x",
                }
            ],
        }

    @pytest.mark.parametrize("name", VIEW_NAMES)
    def test_nothing_is_zeros(self, name: ViewName, machine: Machine) -> None:
        found = parsed(machine.view(name))
        tokens = dict.fromkeys((*KINDS, "total"), 0)
        assert found["totals"] == {"messages": 0, "sessions": 0, "tokens": tokens, "cost_usd": 0.0}
        assert (found["rows"], found["newest"], found["range"]["from"], found["range"]["to"]) == ([], None, None, None)

    @pytest.mark.parametrize("store", REAL)
    @pytest.mark.parametrize("name", VIEW_NAMES)
    def test_every_view_of_every_store_is_what_was_recounted(
        self, name: ViewName, store: str, machine: Machine
    ) -> None:
        machine.has(store)
        told = json.loads((STORES / store / "expected.json").read_text())
        found = parsed(machine.view(name))
        tokens = {kind: told["tokens"][kind] for kind in KINDS} | {"total": sum(told["tokens"][kind] for kind in KINDS)}
        assert found["totals"]["tokens"] == tokens
        assert found["totals"]["cost_usd"] == pytest.approx(told["cost"], rel=1e-9)
        for kind in (*KINDS, "total"):
            assert sum(row["tokens"][kind] for row in found["rows"]) == tokens[kind]
        dimension = {"overview": "model", "timeline": ""}.get(name, name.removesuffix("s"))
        if dimension:
            expected = {("(global)" if key == "/" else key): each for key, each in told["by"][dimension].items()}
            assert {row["key"]: row["messages"] for row in found["rows"]} == {
                key: each["messages"] for key, each in expected.items()
            }
            for row in found["rows"]:
                assert {kind: row["tokens"][kind] for kind in KINDS} == {k: expected[row["key"]][k] for k in KINDS}

    def test_several_views_are_a_list(self, machine: Machine) -> None:
        machine.has("json-1.1.27")
        found = parsed(*(machine.view(name) for name in VIEW_NAMES))
        assert [view["view"] for view in found["views"]] == list(VIEW_NAMES)

    def test_what_was_cut_and_the_periods(self, machine: Machine) -> None:
        machine.has("json-1.1.27")
        found = parsed(machine.view("models", limit=1))
        assert found["cut"]["rows"] == 2
        assert found["cut"]["messages"] + found["rows"][0]["messages"] == found["totals"]["messages"] == 14
        (day,) = parsed(machine.view("timeline", now=datetime(2026, 11, 23, tzinfo=UTC)))["rows"]
        assert (day["key"], day["from"], day["to"]) == (
            "2026-11-22",
            "2026-11-22T00:00:00+00:00",
            "2026-11-23T00:00:00+00:00",
        )

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_text_comes_back_as_it_was(self, text: str, machine: Machine) -> None:
        hostile(machine, text)
        assert parsed(machine.view("sessions"))["rows"][0]["title"] == text


class TestCsv:
    def rows(self, view: View[Any]) -> list[dict[str, str]]:
        text = as_csv(view)
        assert text.endswith("\r\n")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    @pytest.mark.parametrize("name", VIEW_NAMES)
    def test_the_rows_of_every_view(self, name: ViewName, machine: Machine) -> None:
        machine.has("json-1.1.27")
        view = machine.view(name)
        found = self.rows(view)
        assert [row["key"] for row in found] == [row.key for row in view.rows]
        assert sum(int(row["total"]) for row in found) == 107_562
        assert sum(float(row["cost_usd"]) for row in found) == pytest.approx(0.17123185)
        assert all(set(row) >= {"messages", "sessions", *KINDS} for row in found)

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_no_cell_is_a_formula_or_breaks_a_line(self, text: str, machine: Machine) -> None:
        hostile(machine, text)
        for name in ("sessions", "models", "agents"):
            printed = as_csv(machine.view(name))
            assert len(printed.split("\r\n")) == 3
            (row,) = csv.DictReader(io.StringIO(printed, newline=""))
            for cell in row.values():
                first = cell.strip()[:1]
                assert first not in ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001
                assert all(letter.isprintable() for letter in cell)

    def test_ordinary_text_is_as_it_was(self, machine: Machine) -> None:
        hostile(machine, 'say "hi", 2 - 1 = 1')
        assert self.rows(machine.view("sessions"))[0]["title"] == 'say "hi", 2 - 1 = 1'

    def test_of_nothing_there_is_a_line_of_names(self, machine: Machine) -> None:
        assert as_csv(machine.view("models")) == "key\r\n"


def cells(markdown: str) -> list[list[str]]:
    """The tables' cells as GitHub's readers see them: text only, and nothing in it that is more than text."""
    tokens = MarkdownIt("gfm-like", {"html": True}).parse(markdown)
    rows: list[list[str]] = []
    for index, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type in ("th_open", "td_open"):
            inline = tokens[index + 1]
            inner = [each for each in inline.children or [] if each.type not in ("strong_open", "strong_close")]
            assert {each.type for each in inner} <= {"text", "text_special"}, inner
            rows[-1].append("".join(each.content for each in inner))
    return rows


class TestMarkdown:
    @pytest.mark.parametrize("name", VIEW_NAMES)
    def test_a_table_with_its_totals(self, name: ViewName, machine: Machine) -> None:
        machine.has("json-1.1.27")
        found = cells(as_markdown([machine.view(name)]))
        assert found[-1][0] == "Total"
        assert "107,562" in found[-1]
        assert len({len(row) for row in found}) == 1

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_text_is_shown_and_never_interpreted(self, text: str, machine: Machine) -> None:
        hostile(machine, text)
        shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
        found = cells(as_markdown([machine.view("sessions")]))
        assert found[1][0].strip() == shown.strip()
        assert cells(as_markdown([machine.view("models")]))[1][0].strip() == f"p/{shown}".strip()

    def test_what_was_cut_and_notes_stand_below(self, machine: Machine) -> None:
        machine.has("json-1.1.27")
        below = as_markdown([machine.view("models", limit=1)]).split("|\n\n")[-1]
        assert "… and 2 more, 49,530 tokens" in below
        assert "Newest message" in below

    def test_nothing(self, machine: Machine) -> None:
        assert "No completed messages match." in as_markdown([machine.view("models")])


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


class TestPages:
    def views(self, machine: Machine) -> list[View[Any]]:
        return [machine.view(name, now=NOW) for name in VIEW_NAMES]

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_text_is_only_text(self, text: str, machine: Machine) -> None:
        hostile(machine, text)
        page = Page(as_html(self.views(machine), width=200))
        assert set(page.tags) == {"html", "head", "meta", "title", "style", "body", "pre", "code", "span"}
        shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
        assert shown.strip() in page.text
        drawn = as_svg(self.views(machine), width=200)
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawn).iter()}
        assert tags <= {"svg", "style", "defs", "clipPath", "rect", "line", "g", "text", "circle", "title"}

    def test_nothing_is_fetched_from_elsewhere(self, machine: Machine) -> None:
        machine.has("json-1.1.27")
        for text in (as_html(self.views(machine)), as_svg(self.views(machine))):
            assert not re.search(r"""(url\(["']?http|src=|href=|@import)""", text)

    def test_the_same_views_make_the_same_text(self, machine: Machine) -> None:
        machine.has("json-1.1.27")
        assert as_svg(self.views(machine)) == as_svg(self.views(machine))
        assert as_html(self.views(machine)) == as_html(self.views(machine))

    def test_plain_text_has_no_escape_sequences(self, machine: Machine) -> None:
        machine.has("json-1.1.27")
        text = as_text(self.views(machine))
        assert "\x1b" not in text
        assert text.count("107,562") >= 5

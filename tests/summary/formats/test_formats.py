"""CSV and Markdown are complete, and safe whatever a title holds; every format has a writer."""

from __future__ import annotations

import csv
import html
import io
from typing import get_args

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from otel_agent.model import ProcessMode, ProcessSample
from otel_agent.summary.formats import WRITERS, Format
from otel_agent.summary.formats.as_csv import as_csv
from otel_agent.summary.formats.as_markdown import as_markdown
from otel_agent.summary.view import USAGE_VIEWS, Process, View, ViewName
from tests.summary.formats.made_text import HOSTILE, KINDS, NOW, hostile
from tests.summary.made_machine import MadeMachine, with_processes


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

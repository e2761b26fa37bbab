"""A report as a page, a picture and plain text shows everything, and fetches and runs nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from otel_agent.summary.formats.as_html import as_html
from otel_agent.summary.formats.as_picture import as_svg, as_text
from otel_agent.summary.view import VIEW_NAMES, View
from tests.summary.formats.made_text import HOSTILE, NOW, hostile
from tests.summary.made_machine import MadeMachine


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


OF_A_PAGE = {
    *("html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "p", "section", "div", "i"),
    *("table", "thead", "tbody", "tfoot", "tr", "th", "td", "figure", "figcaption"),
    *("svg", "rect", "line", "text"),
}
"""The elements of a page: none of them fetches or runs anything."""


class TestPages:
    def views(self, machine: MadeMachine) -> list[View]:
        return [machine.view(name, now=NOW) for name in VIEW_NAMES]

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_text_from_storage_never_becomes_part_of_the_page(self, text: str, machine: MadeMachine) -> None:
        hostile(machine, text)
        page = Page(as_html(self.views(machine)))
        assert set(page.tags) <= OF_A_PAGE
        shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
        assert shown.strip() in page.text
        drawn = as_svg(self.views(machine), width=200)
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawn).iter()}
        assert tags <= {"svg", "style", "defs", "clipPath", "rect", "line", "g", "text", "circle", "title"}

    def test_a_page_fetches_nothing_from_elsewhere(self, machine: MadeMachine) -> None:
        machine.has("json-1.1.27")
        for text in (as_html(self.views(machine)), as_svg(self.views(machine))):
            assert not re.search(r"""(url\(["']?http|src=|href=|@import)""", text)

    def test_the_same_views_make_the_same_page(self, machine: MadeMachine) -> None:
        machine.has("json-1.1.27")
        assert as_svg(self.views(machine)) == as_svg(self.views(machine))
        assert as_html(self.views(machine)) == as_html(self.views(machine))

    def test_plain_text_has_no_escape_sequences(self, machine: MadeMachine) -> None:
        machine.has("json-1.1.27")
        text = as_text(self.views(machine))
        assert "\x1b" not in text
        assert text.count("107,562") >= 5

"""The dashboards as a person sees them: Grafana's own panels, in a real browser, on answers of a real Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tests.support.real_programs.prometheus import Prometheus
from tests.team.support.dashboards import BOARDS
from tests.team.support.drawing import WIDTHS, Boards, Drawn, draw
from tests.team.support.fortnight import END, IDLE, PEOPLE, WEEK_S, Fortnight

pytestmark = pytest.mark.prometheus

SCALES = {
    "": 1.0,
    "K": 1e3,
    "Mil": 1e6,
    "%": 0.01,
    "s": 1,
    "ms": 1e-3,
    "min": 60,
    "mins": 60,
    "hour": 3600,
    "hours": 3600,
}
SCALES |= {"day": 86400, "days": 86400}
"""The size of each unit that a cell may have."""


@dataclass(frozen=True)
class Fleet:
    """The fortnight, a Prometheus that has it, and every dashboard drawn from that."""

    fortnight: Fortnight
    prometheus: Prometheus
    boards: Boards

    def panel(self, board: str, title: str, kind: str) -> Drawn:
        """Return a panel at the smaller width."""
        (found,) = (one for one in self.boards[board][WIDTHS[0]] if (one.title, one.type) == (title, kind))
        return found


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fortnight = Fortnight()
    with fortnight.kept(tmp_path_factory.mktemp("prometheus")) as prometheus:
        yield Fleet(fortnight, prometheus, draw(prometheus))


def test_nothing_is_empty_cut_off_or_outside_its_panel(fleet: Fleet) -> None:
    assert {f"{name}.json" for name in fleet.boards} == BOARDS.keys()
    for name, by in fleet.boards.items():
        for width in WIDTHS:
            for panel in by[width]:
                at = name, width, panel.title
                assert not panel.empty, at
                assert panel.text, at
                assert (panel.outside, panel.cut) == ([], []), at


def test_every_table_is_sorted_by_the_column_that_it_names(fleet: Fleet) -> None:
    for name, by in fleet.boards.items():
        for panel in by[WIDTHS[0]]:
            if panel.type != "table" or panel.title == "When tokens are used":
                continue
            (sort,) = _of_json(name, panel)["options"]["sortBy"]
            assert sort["desc"], panel.title
            figures = [_figure(text) for text in panel.column(sort["displayName"])]
            assert figures, panel.title
            assert figures == sorted(figures, reverse=True), (name, panel.title)


def test_figures_have_separators_and_units(fleet: Fleet) -> None:
    formats = {
        "Tokens": r"\d{1,3}(,\d{3})*",
        "Cost": r"\$\d+\.\d\d( K)?",
        "Cache hits": r"\d+%",
        "Failed": r"\d+(\.\d%)?",
        "Idle for": r"\d+\.\d (s|mins?|hours?|days?)",
    }
    for by in fleet.boards.values():
        for panel in by[WIDTHS[0]]:
            for heading in formats.keys() & set(panel.headings):
                for text in panel.column(heading):
                    assert re.fullmatch(formats[heading], text), (panel.title, heading, text)


def test_labels_and_legends_are_words_of_the_field(fleet: Fleet) -> None:
    legends = [text for by in fleet.boards.values() for panel in by[WIDTHS[0]] for text in panel.legend]
    assert len(legends) > 30
    assert [text for text in legends if re.search(r"[{}=]|gen_ai_|opencode_", text)] == []
    assert "(global)" in fleet.panel("efficiency", "Projects", "table").column("Project")
    assert "(no team)" in fleet.panel("people", "Teams", "table").column("Team")
    assert "(global), search" in fleet.panel("efficiency", "Cache hits by project", "timeseries").legend


def test_the_figures_of_the_week_are_the_truth(fleet: Fleet) -> None:
    calls = fleet.fortnight.within(WEEK_S)
    cost = sum(call.cost for call in calls)
    teams = {person.team or "(no team)" for person in PEOPLE}
    people = {call.of("user") or call.of("host_name") for call in calls}
    assert fleet.panel("people", "Cost", "stat").text == f"${cost:.0f}"
    assert fleet.panel("people", "People", "stat").text == str(len(people))
    everybody = people | {IDLE.user}
    assert fleet.panel("people", "Adoption", "stat").text == f"{len(people) / len(everybody):.0%}"
    table = fleet.panel("people", "Teams", "table")
    for team, shown in zip(table.column("Team"), table.column("Cost"), strict=True):
        theirs = [call for call in calls if (call.of("team") or "(no team)") == team]
        assert shown == f"${sum(call.cost for call in theirs):.2f}"
        teams.remove(team)
    assert teams == set()


def test_a_person_is_one_row_and_projects_of_one_name_are_two(fleet: Fleet) -> None:
    people = fleet.panel("people", "People", "table")
    assert len(set(people.column("Person"))) == len(people.rows)
    assert people.column("Machines")[people.column("Person").index("ada")] == "2"
    projects = fleet.panel("efficiency", "Projects", "table")
    assert sorted(row[1] for row in projects.rows if row[0] == "api") == ["payments", "search"]


def test_bars_compare_the_figures_of_their_own_column(fleet: Fleet) -> None:
    """The longest bar of a column fills its cell, whatever other columns have."""
    for board, title in (("people", "Teams"), ("overview", "Models"), ("reliability", "Tools")):
        assert fleet.panel(board, title, "table").bars == pytest.approx(1, abs=0.1)


def test_where_nothing_was_recorded_a_board_says_when_something_will_be(fleet: Fleet) -> None:
    drawn = draw(fleet.prometheus, widths=WIDTHS[:1], until=END - timedelta(days=60), names=["people"])
    panels = drawn["people"][WIDTHS[0]]
    assert panels
    for panel in panels:
        assert re.search("recorded in about (seven|7) minutes|nothing before", panel.text), panel.title


def _of_json(board: str, drawn: Drawn) -> dict[str, Any]:
    """Return the same panel in the committed dashboard."""
    panels = BOARDS[f"{board}.json"]["panels"]
    (found,) = (panel for panel in panels if (panel["title"], panel["type"]) == (drawn.title, drawn.type))
    return dict(found)


def _figure(text: str) -> float:
    """Return the number that a cell shows."""
    found = re.fullmatch(r"\$?([\d,.]+)\s*(\D*)", text)
    assert found is not None, text
    return float(found[1].replace(",", "")) * SCALES[found[2]]

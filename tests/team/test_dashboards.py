"""The dashboards: their code writes them, and a real Prometheus with real data answers every query in them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from collector.grafana.source import names
from collector.grafana.source.__main__ import FOLDER, dashboards
from otel_agent.semconv import METRICS
from otel_agent.semconv.attributes import Attr
from tests.support.real_programs.jaeger import tags_of
from tests.support.waiting import eventually
from tests.team.support.dashboards import (
    BOARDS,
    PANELS,
    VARIABLES,
    Target,
    added_up,
    asked,
    column,
    expression,
    filled,
    headings,
    headlines,
    offered,
    search_of,
    targets,
    with_chosen,
)
from tests.team.support.people import ADDED, REMOVED, Truth
from tests.team.support.rules import recorded
from tests.team.support.worked_hour import SILENT, SILENT_S, SILENT_TEAM, Team, worked_hour


class Within:
    """Equals every number between two bounds."""

    def __init__(self, low: float, high: float) -> None:
        self._bounds = low, high

    def __eq__(self, other: object) -> bool:
        low, high = self._bounds
        return isinstance(other, float) and low < other <= high

    __hash__ = None  # type: ignore[assignment] # it is only compared


HEARD = "otel_agent:instance:heard1h"
CHOICES = ("team", "user", "host", "project", "model", "agent", "session")
"""The variables of the overview: each filters by one field of the truth."""
FIGURES: dict[str, Callable[[Truth], float]] = {
    "token_usage": lambda truth: truth.tokens,
    "cost_usage": lambda truth: truth.cost,
    "message_count": lambda truth: truth.messages,
    "session_count": lambda truth: len(truth.sessions),
    "tool_call_count": lambda truth: truth.messages,
    "session_token_usage": lambda truth: truth.tokens,
    "session_cost_usage": lambda truth: truth.cost,
}
"""What each recorded metric should add up to."""
NOT_BY = {
    "token_usage": {"session"},
    "cost_usage": {"session"},
    "message_count": {"session"},
    "session_count": {"model", "agent", "session"},
    "tool_call_count": {"model", "agent", "session"},
}
"""The choices that do not filter a metric, because it has no such label."""
EXCEPT: dict[tuple[str, str], Callable[[Truth], float]] = {
    ("Errors", "A"): lambda truth: truth.errors / truth.messages if truth.messages else 0,
    ("Cache hits", "A"): lambda truth: truth.cache_hits if truth.messages else 0,
    ("Tools", "B"): lambda truth: 0 * truth.messages,  # the tool calls that failed
}
"""Queries that show something else than the sum of their metric, by panel and reference."""


def test_the_committed_dashboards_are_what_the_code_writes() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert committed == dashboards(), "run `make dashboards`"


def test_queries_use_only_names_of_ours_and_of_the_collectors() -> None:
    ours = {names.metric(each) for each in METRICS.values()} | {names.gained(each) for each in METRICS.values()}
    ours |= {names.DURATION_COUNT, names.DURATION_BUCKET, names.TURN_COUNT, names.TURN_BUCKET, names.TOOL_BUCKET}
    labels = {names.label(str(each)) for each in vars(Attr).values() if isinstance(each, str)}
    for name, panel in PANELS:
        for target in panel["targets"]:
            found = set(re.findall(r"\b(?:opencode|otel_agent|process|gen_ai)[_:][a-z_0-9:A-Z]+", target["expr"]))
            assert found <= ours | labels | {HEARD}, (name, panel["title"])
    assert recorded(HEARD)


def test_no_dashboard_replaces_another() -> None:
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)


def test_a_table_that_could_have_thousands_of_rows_is_limited() -> None:
    many = {"host_name", "user", "person", "session_id", "opencode_project_name"}
    for name, panel in PANELS:
        if panel["type"] == "table" and many & set(headings(panel)):
            assert all("topk(100, " in target["expr"] for target in panel["targets"]), (name, panel["title"])


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with worked_hour(tmp_path_factory.mktemp("team")) as team:
        yield team


@pytest.mark.collector
@pytest.mark.prometheus
def test_every_query_returns_rows(team: Team) -> None:
    prometheus = team.prometheus
    eventually(lambda: len(prometheus.answer("rate(otelcol_exporter_sent_metric_points[1m])")), 1)
    empty = [
        (name, panel["title"], target["refId"])
        for name, panel in PANELS
        for target in panel["targets"]
        if not asked(prometheus, target)
    ]
    # Nothing was recorded before this time.
    assert set(empty) == {
        *(("people.json", f"{title}: change", "A") for title in ("People", "Machines", "Sessions", "Tokens", "Cost")),
        *(("people.json", "Teams", ref) for ref in "BC"),
        ("people.json", "People", "B"),
    }


@pytest.mark.collector
@pytest.mark.prometheus
@pytest.mark.parametrize("chosen", [{}, {"team": "pay"}], ids=["everything", "one team"])
def test_the_headlines_are_the_truth(team: Team, chosen: dict[str, str]) -> None:
    of = team.truth.of(**chosen)
    assert headlines(team.prometheus, **chosen) == {
        ("overview", "Tokens"): of.tokens,
        ("overview", "Cost"): pytest.approx(of.cost),
        ("overview", "Messages"): of.messages,
        ("overview", "Sessions"): len(of.sessions),
        ("overview", "Cache hits"): pytest.approx(of.cache_hits),
        ("overview", "Errors"): pytest.approx(of.errors / of.messages),
        ("people", "People"): len(of.by("user")),
        ("people", "Machines"): len(of.by("host")),
        ("people", "Sessions"): len(of.sessions),
        ("people", "Tokens"): of.tokens,
        ("people", "Cost"): pytest.approx(of.cost),
        ("people", "Adoption"): 1,
        ("efficiency", "Cache hits"): pytest.approx(of.cache_hits),
        ("efficiency", "Tokens per message"): pytest.approx(of.tokens / of.messages),
        ("efficiency", "Cost per message"): pytest.approx(of.cost / of.messages),
        ("efficiency", "Cost per session"): pytest.approx(of.cost / len(of.sessions)),
        ("efficiency", "Used by sub-agents"): 0,
        ("efficiency", "Used by compactions"): 0,
        ("efficiency", "Turns"): of.messages,
        ("efficiency", "Tokens per turn"): pytest.approx(of.tokens / of.messages),
        ("efficiency", "Cost per turn"): pytest.approx(of.cost / of.messages),
        # Each turn took five seconds.
        ("efficiency", "Median of turns"): Within(3.2, 6.4),
        ("efficiency", "Lines added"): ADDED * of.messages,
        ("efficiency", "Lines removed"): REMOVED * of.messages,
        ("reliability", "Failed messages"): pytest.approx(of.errors / of.messages),
        ("reliability", "Aborted messages"): 0,
        # Each call took less than its message, four seconds. The bounds are those of its bucket.
        ("reliability", "Median of model calls"): Within(0, 5.12),
        ("reliability", "95 % of model calls"): Within(0, 5.12),
        ("reliability", "Tool calls"): of.messages,
        ("reliability", "Tools succeed"): 1,
    }


@pytest.mark.collector
@pytest.mark.prometheus
def test_the_tables_are_the_truth(team: Team) -> None:
    """Two teams have a project of one name: it has a row for each of them."""
    truth = team.truth
    assert column(team.prometheus, "overview", "Models", names.MODEL) == {
        (name,): of.tokens for name, of in truth.by("model").items()
    }
    assert column(team.prometheus, "overview", "Projects", names.PROJECT, names.TEAM) == {
        (project, of_team): of.tokens
        for project, by in truth.by("project").items()
        for of_team, of in by.by("team").items()
    }
    for title, label, field in (("People", names.PERSON, "user"), ("Teams", names.TEAM, "team")):
        found = column(team.prometheus, "people", title, label)
        assert found == {(name,): pytest.approx(of.cost) for name, of in truth.by(field).items()}
    errors = column(team.prometheus, "reliability", "Errors by type and model", names.ERROR, names.MODEL)
    assert errors == {("APIError", "haiku"): truth.errors}
    (tools,) = (panel for name, panel in PANELS if (name, panel["title"]) == ("reliability.json", "Tools"))
    for target in tools["targets"][-2:]:  # the median and 95 %; each call took 0.4 seconds
        assert team.prometheus.rows(filled(target["expr"]), names.TOOL) == {("bash",): Within(0.32, 0.64)}


@pytest.mark.collector
@pytest.mark.prometheus
def test_the_hours_add_up_to_the_tokens(team: Team) -> None:
    query = expression("efficiency", "When tokens are used").replace("[$__range:1h]", "[4h:1h]")
    rows = team.prometheus.rows(filled(query), "day", "hour", at_s=(time.time() // 3600 + 1) * 3600)
    assert sum(rows.values()) == team.truth.tokens
    assert all(day in "1234567" and re.fullmatch("[0-2][0-9]", hour) for day, hour in rows)


@pytest.mark.collector
@pytest.mark.prometheus
def test_a_choice_that_nobody_has_empties_every_board(team: Team) -> None:
    for name in ("people.json", "efficiency.json", "reliability.json"):
        for variable in (
            variable["name"] for of, variable in VARIABLES if of == name and variable["name"] != "session"
        ):
            shown = [
                panel["title"]
                for panel, target in targets(name)
                if f"${{{variable}}}" in target["expr"]
                and asked(team.prometheus, with_chosen(target, **{variable: "nobody"}))
            ]
            assert shown == [], (name, variable)


@pytest.mark.collector
@pytest.mark.prometheus
@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_filters_every_figure_of_the_overview(team: Team, choice: str) -> None:
    """Each figure is the truth of the chosen value. A value that nobody has shows nothing."""
    assert {variable["name"] for name, variable in VARIABLES if name == "overview.json"} == set(CHOICES)
    values = {str(getattr(used, choice)) for used in team.truth.written}
    assert len(values) > 1
    for value in (*values, "nobody"):
        for panel, target in targets("overview.json"):
            of, wanted = _truth_of(team.truth, panel, target, choice, value)
            answer = asked(team.prometheus, with_chosen(target, **{choice: value}))
            at = value, panel["title"], target["refId"]
            assert added_up(answer) == pytest.approx(wanted), at
            if value == "nobody" and not of.written:
                assert answer == [], at


@pytest.mark.collector
@pytest.mark.prometheus
@pytest.mark.parametrize("choice", ["team", "host"])
def test_a_choice_filters_every_panel_of_the_fleet(team: Team, choice: str) -> None:
    """Each person is alone in a team and on a host, so a choice of either has to show exactly that person."""
    people = {(used.user, used.team, used.host) for used in team.truth.written} | {("cy", SILENT_TEAM, SILENT)}
    now_s = time.time()
    for panel, target in targets("fleet.json"):
        # The Collectors belong to no team.
        if "otelcol_" in target["expr"]:
            continue
        for user, of_team, host in people:
            chosen = with_chosen(target, **{choice: {"team": of_team, "host": host}[choice]})
            theirs = target | {"expr": re.sub(r'\{\w+=~.*?"\}', f'{{user="{user}"}}', target["expr"])}
            found, wanted = (asked(team.prometheus, each, at_s=now_s) for each in (chosen, theirs))
            assert found == wanted, (panel["title"], user)
        assert asked(team.prometheus, with_chosen(target, **{choice: "nobody"})) == [], panel["title"]
    agents = next(target for panel, target in targets("fleet.json") if panel["title"] == "Agents")
    assert added_up(asked(team.prometheus, agents)) == 2
    assert added_up(asked(team.prometheus, with_chosen(agents, team="pay"))) == 1


@pytest.mark.collector
@pytest.mark.prometheus
def test_a_choice_offers_only_what_the_choices_before_it_allow(team: Team) -> None:
    """At first it offers everything. When a team is chosen, it offers that team's people, hosts, projects and sessions."""
    found = {(name, variable["name"]): offered(team.prometheus, variable) for name, variable in VARIABLES}
    assert all(found.values())
    assert {variable["refresh"] for _, variable in VARIABLES} == {2}, "when the time range changes"
    assert found["overview.json", "team"] == {"search", "pay"}
    assert found["overview.json", "user"] == {"ada", "bob"}
    assert found["overview.json", "session"] == team.truth.sessions
    of_pay = {(name, variable["name"]): offered(team.prometheus, variable, team="pay") for name, variable in VARIABLES}
    assert of_pay["overview.json", "user"] == {"bob"}
    assert of_pay["overview.json", "session"] < found["overview.json", "session"]
    project = next(variable for name, variable in VARIABLES if (name, variable["name"]) == ("overview.json", "project"))
    assert offered(team.prometheus, project, user="nobody") == set()


@pytest.mark.collector
@pytest.mark.prometheus
def test_an_agent_that_is_silent_for_a_day_is_listed(team: Team) -> None:
    ((host, silent_s),) = team.prometheus.rows(filled(expression("fleet", "Silent for a day")), "host_name").items()
    assert host == (SILENT,)
    assert SILENT_S <= silent_s < SILENT_S + 3600


@pytest.mark.collector
@pytest.mark.prometheus
@pytest.mark.jaeger
@pytest.mark.parametrize(
    ("title", "label"),
    [("Models", names.MODEL), ("Agents", names.AGENT), ("Projects", names.PROJECT), ("Sessions", names.SESSION)],
)
def test_every_row_leads_to_its_traces(team: Team, title: str, label: str) -> None:
    panel, search = search_of(title, label)
    rows = asked(team.prometheus, panel["targets"][0])
    assert rows
    for row in rows:
        tags = search["tags"].replace("${__value.raw}", row["metric"][label])
        # The tags are logfmt with one pair.
        ((attribute, value),) = re.findall(r'(\S+)="(.*)"', tags)
        assert "$" not in value, tags
        traces = team.jaeger.traces(service=search["service"], tags={attribute: value})
        assert traces, tags
        for trace in traces:
            assert any(tags_of(span).get(attribute) == value for span in trace["spans"]), tags


def _truth_of(truth: Truth, panel: dict[str, Any], target: Target, choice: str, value: str) -> tuple[Truth, float]:
    """Return the part of the truth that a query has to show when a value is chosen, and what it adds up to."""
    # The first metric is the column's; a second one only limits the rows.
    metric = re.findall(r"opencode:(\w+):gained5m", target["expr"])[0]
    of = truth if choice in NOT_BY.get(metric, ()) else truth.of(**{choice: value})
    return of, EXCEPT.get((panel["title"], target["refId"]), FIGURES[metric])(of)

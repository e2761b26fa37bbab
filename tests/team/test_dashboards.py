"""The dashboards: their code writes them, and a real Prometheus with real data answers every query in them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from collector.grafana.source import names
from collector.grafana.source.__main__ import FOLDER, dashboards
from otel_agent.semconv import METRICS, Attr
from tests.support.real_programs.jaeger import tags_of
from tests.support.real_programs.prometheus import Prometheus
from tests.support.waiting import eventually
from tests.team.support.people import Truth
from tests.team.support.rules import recorded
from tests.team.support.worked_hour import SILENT, SILENT_S, SILENT_TEAM, Team, worked_hour

Target = dict[str, Any]
"""A query of a panel, as Grafana's JSON has it."""

RANGE_S = 2 * 3600
FILLED = {"$__range": f"{RANGE_S}s", "$__interval": "5m", "$__rate_interval": "10m"}
"""What Grafana puts in place of its own variables, for a range of two hours."""
HEARD = "otel_agent:instance:heard1h"
BOARDS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
VARIABLES = [
    (name, variable)
    for name, board in BOARDS.items()
    for variable in board["templating"]["list"]
    if variable["type"] == "query"
]
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"] if panel["type"] != "row"]
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
    ("Tools", "B"): lambda truth: 0 * truth.messages,  # the tool calls that failed
}
"""Queries that show something else than the sum of their metric, by panel and reference."""


def test_the_committed_dashboards_are_what_the_code_writes() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert committed == dashboards(), "run `make dashboards`"


def test_queries_use_only_names_of_ours_and_of_the_collectors() -> None:
    ours = {names.metric(each) for each in METRICS.values()} | {names.gained(each) for each in METRICS.values()}
    labels = {names.label(str(each)) for each in vars(Attr).values() if isinstance(each, str)}
    for name, panel in PANELS:
        for target in panel["targets"]:
            found = set(re.findall(r"\b(?:opencode|otel_agent|process|gen_ai)[_:][a-z_0-9:A-Z]+", target["expr"]))
            assert found <= ours | labels | {HEARD}, (name, panel["title"])
    assert recorded(HEARD)


def test_no_dashboard_replaces_another() -> None:
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)


def test_a_table_that_could_have_thousands_of_rows_is_limited() -> None:
    many = {"host_name", "user", "session_id", "opencode_project_name"}
    for name, panel in PANELS:
        if panel["type"] == "table" and many & set(_headings(panel)):
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
        if not _answer(prometheus, target)
    ]
    # Everything could be read and no tool failed, so these two have to be empty.
    assert empty == [("fleet.json", "Unreadable", "A"), ("overview.json", "Tools", "B")]


@pytest.mark.collector
@pytest.mark.prometheus
def test_the_headlines_are_the_truth(team: Team) -> None:
    prometheus, truth = team.prometheus, team.truth
    found = {
        panel["title"]: prometheus.rows(_filled(panel["targets"][0]["expr"]))[()]
        for name, panel in PANELS
        if name == "overview.json" and panel["type"] == "stat"
    }
    assert found == {
        "Tokens": truth.tokens,
        "Cost": pytest.approx(truth.cost),
        "Messages": truth.messages,
        "Sessions": len(truth.sessions),
        "Tool calls": truth.messages,
        "Errors": pytest.approx(truth.errors / truth.messages),
    }
    models, projects = truth.by("model"), truth.by("project")
    assert _column(prometheus, "Models", names.MODEL) == {name: of.tokens for name, of in models.items()}
    assert _column(prometheus, "Projects", names.PROJECT) == {name: of.tokens for name, of in projects.items()}


@pytest.mark.collector
@pytest.mark.prometheus
@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_filters_every_figure_of_the_overview(team: Team, choice: str) -> None:
    """Each figure is the truth of the chosen value. A value that nobody has shows nothing."""
    assert {variable["name"] for name, variable in VARIABLES if name == "overview.json"} == set(CHOICES)
    values = {str(getattr(used, choice)) for used in team.truth.written}
    assert len(values) > 1
    for value in (*values, "nobody"):
        for panel, target in _targets("overview.json"):
            of, wanted = _truth_of(team.truth, panel, target, choice, value)
            answer = _answer(team.prometheus, _with(target, **{choice: value}))
            at = value, panel["title"], target["refId"]
            assert _sum(answer) == pytest.approx(wanted), at
            if value == "nobody" and not of.written:
                assert answer == [], at


@pytest.mark.collector
@pytest.mark.prometheus
@pytest.mark.parametrize("choice", ["team", "host"])
def test_a_choice_filters_every_panel_of_the_fleet(team: Team, choice: str) -> None:
    """Each person is alone in a team and on a host, so a choice of either has to show exactly that person."""
    people = {(used.user, used.team, used.host) for used in team.truth.written} | {("cy", SILENT_TEAM, SILENT)}
    now_s = time.time()
    for panel, target in _targets("fleet.json"):
        # The Collectors belong to no team.
        if "otelcol_" in target["expr"]:
            continue
        for user, of_team, host in people:
            chosen = _with(target, **{choice: {"team": of_team, "host": host}[choice]})
            theirs = target | {"expr": re.sub(r'\{\w+=~.*?"\}', f'{{user="{user}"}}', target["expr"])}
            found, wanted = (_answer(team.prometheus, each, at_s=now_s) for each in (chosen, theirs))
            assert found == wanted, (panel["title"], user)
        assert _answer(team.prometheus, _with(target, **{choice: "nobody"})) == [], panel["title"]
    agents = next(target for panel, target in _targets("fleet.json") if panel["title"] == "Agents")
    assert _sum(_answer(team.prometheus, agents)) == 2
    assert _sum(_answer(team.prometheus, _with(agents, team="pay"))) == 1


@pytest.mark.collector
@pytest.mark.prometheus
def test_a_choice_offers_only_what_the_choices_before_it_allow(team: Team) -> None:
    """At first it offers everything. When a team is chosen, it offers that team's people, hosts, projects and sessions."""
    offered = {(name, variable["name"]): _offered(team.prometheus, variable) for name, variable in VARIABLES}
    assert all(offered.values())
    assert {variable["refresh"] for _, variable in VARIABLES} == {2}, "when the time range changes"
    assert offered["overview.json", "team"] == {"search", "pay"}
    assert offered["overview.json", "user"] == {"ada", "bob"}
    assert offered["overview.json", "session"] == team.truth.sessions
    of_pay = {(name, variable["name"]): _offered(team.prometheus, variable, team="pay") for name, variable in VARIABLES}
    assert of_pay["overview.json", "user"] == {"bob"}
    assert of_pay["overview.json", "session"] < offered["overview.json", "session"]
    project = next(variable for name, variable in VARIABLES if (name, variable["name"]) == ("overview.json", "project"))
    assert _offered(team.prometheus, project, user="nobody") == set()


@pytest.mark.collector
@pytest.mark.prometheus
def test_an_agent_that_is_silent_for_a_day_is_listed(team: Team) -> None:
    ((host, silent_s),) = team.prometheus.rows(_filled(_expression("Silent for a day")), "host_name").items()
    assert host == (SILENT,)
    assert SILENT_S <= silent_s < SILENT_S + 3600


@pytest.mark.collector
@pytest.mark.prometheus
@pytest.mark.jaeger
@pytest.mark.parametrize("title", ["Models", "Agents", "Projects", "Sessions"])
def test_every_row_leads_to_its_traces(team: Team, title: str) -> None:
    panel, search = _search_of(title)
    rows = _answer(team.prometheus, panel["targets"][0])
    assert rows
    for row in rows:
        tags = search["tags"]
        for label, value in row["metric"].items():
            tags = tags.replace(f"${{__data.fields.{_headings(panel)[label]}}}", value)
        # The tags are logfmt with one pair.
        ((attribute, value),) = re.findall(r'(\S+)="(.*)"', tags)
        assert "$" not in value, tags
        traces = team.jaeger.traces(service=search["service"], tags={attribute: value})
        assert traces, tags
        for trace in traces:
            assert any(tags_of(span).get(attribute) == value for span in trace["spans"]), tags


def _headings(panel: dict[str, Any]) -> dict[str, str]:
    """Return the heading of each column of a table, by its label."""
    return dict(panel["transformations"][1]["options"]["renameByName"])


def _search_of(title: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a table of the overview, and the search for traces to which its rows link."""
    wanted = ("overview.json", "table", title)
    (panel,) = (panel for name, panel in PANELS if (name, panel["type"], panel["title"]) == wanted)
    (link,) = panel["fieldConfig"]["defaults"]["links"]
    pane = json.loads(parse_qs(urlsplit(link["url"]).query)["panes"][0])["traces"]
    (search,) = pane["queries"]
    assert pane["datasource"] == "${traces}"
    assert search["datasource"]["type"] == "jaeger"
    assert search["queryType"] == "search"
    return panel, search


def _truth_of(truth: Truth, panel: dict[str, Any], target: Target, choice: str, value: str) -> tuple[Truth, float]:
    """Return the part of the truth that a query has to show when a value is chosen, and what it adds up to."""
    # The first metric is the column's; a second one only limits the rows.
    metric = re.findall(r"opencode:(\w+):gained5m", target["expr"])[0]
    of = truth if choice in NOT_BY.get(metric, ()) else truth.of(**{choice: value})
    return of, EXCEPT.get((panel["title"], target["refId"]), FIGURES[metric])(of)


def _targets(board: str) -> list[tuple[dict[str, Any], Target]]:
    """Return each query of a dashboard with its panel."""
    return [(panel, target) for name, panel in PANELS if name == board for target in panel["targets"]]


def _with(target: Target, **chosen: str) -> Target:
    """Return a query with these values of its variables."""
    expression = target["expr"]
    for name, value in chosen.items():
        expression = expression.replace(f"${{{name}}}", value)
    return target | {"expr": expression}


def _answer(prometheus: Prometheus, target: Target, *, at_s: float | None = None) -> list[dict[str, Any]]:
    """Ask as the panel does: for a moment, or along the time range."""
    now_s = at_s or time.time()
    if target.get("instant"):
        return prometheus.answer(_filled(target["expr"]), at_s=now_s)
    return prometheus.over(_filled(target["expr"]), start_s=now_s - RANGE_S, end_s=now_s, step_s=300)


def _sum(answer: list[dict[str, Any]]) -> float:
    return sum(float(value) for row in answer for _, value in row.get("values") or [row["value"]])


def _offered(prometheus: Prometheus, variable: dict[str, Any], **chosen: str) -> set[str]:
    """Ask for the values of a variable, as Grafana does."""
    found = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"])
    assert found is not None
    series, now_s = _with({"expr": found[1]}, **chosen)["expr"], time.time()
    bounds = {"match[]": _filled(series), "start": f"{now_s - RANGE_S:.0f}", "end": f"{now_s:.0f}"}
    reply = requests.get(f"{prometheus.url}/api/v1/label/{found[2]}/values", params=bounds, timeout=30)
    assert reply.status_code == 200, reply.text
    return set(reply.json()["data"])


def _expression(title: str) -> str:
    return next(str(panel["targets"][0]["expr"]) for _, panel in PANELS if panel["title"] == title)


def _column(prometheus: Prometheus, title: str, label: str) -> dict[str, float]:
    """Return the first column of a table, added up by one label."""
    found: dict[str, float] = {}
    for (name,), value in prometheus.rows(_filled(_expression(title)), label).items():
        found[name] = found.get(name, 0) + value
    return found


def _filled(expression: str) -> str:
    """Return a query as Grafana sends it; a variable without a choice matches anything."""
    for name, value in FILLED.items():
        expression = expression.replace(name, value)
    return re.sub(r"\$\{\w+\}", ".*", expression)

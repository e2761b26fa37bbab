"""The dashboards: written by the code beside them, and every query in them asked of a real Prometheus with real data."""

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
from tests.real_parts.jaeger import tags_of
from tests.real_parts.prometheus import Prometheus
from tests.team.support.lived import SILENT, SILENT_S, SILENT_TEAM, Team, lived
from tests.team.support.people import Truth
from tests.team.support.rules import recorded
from tests.waiting import eventually

RANGE_S = 2 * 3600
FILLED = {"$__range": f"{RANGE_S}s", "$__interval": "5m", "$__rate_interval": "10m"}

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
FIGURES: dict[str, Callable[[Truth], float]] = {
    "token_usage": lambda truth: truth.tokens,
    "cost_usage": lambda truth: truth.cost,
    "message_count": lambda truth: truth.messages,
    "session_count": lambda truth: len(truth.sessions),
    "tool_call_count": lambda truth: truth.messages,
    "session_token_usage": lambda truth: truth.tokens,
    "session_cost_usage": lambda truth: truth.cost,
}
NOT_BY = {
    "token_usage": {"session"},
    "cost_usage": {"session"},
    "message_count": {"session"},
    "session_count": {"model", "agent", "session"},
    "tool_call_count": {"model", "agent", "session"},
}
"""The choices that a metric has no label for."""
EXCEPT: dict[tuple[str, str], Callable[[Truth], float]] = {
    ("Errors", "A"): lambda truth: truth.errors / truth.messages if truth.messages else 0,
    ("Tools", "B"): lambda truth: 0 * truth.messages,  # that failed
}
"""Panels that show something else than all of their metric."""


def test_what_is_committed_is_what_the_code_writes() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == dashboards(), (
        "run `make dashboards`"
    )


def test_only_names_that_are_ours_or_the_collectors_stand_in_them() -> None:
    ours = {names.metric(each) for each in METRICS.values()} | {names.gained(each) for each in METRICS.values()}
    labels = {names.label(str(each)) for each in vars(Attr).values() if isinstance(each, str)}
    for name, panel in PANELS:
        for target in panel["targets"]:
            found = set(re.findall(r"\b(?:opencode|otel_agent|process|gen_ai)[_:][a-z_0-9:A-Z]+", target["expr"]))
            assert found <= ours | labels | {HEARD}, (name, panel["title"])
    assert recorded(HEARD)


def test_no_two_boards_stand_in_each_others_place() -> None:
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)


def test_no_table_has_a_row_for_each_of_thousands() -> None:
    many = {"host_name", "user", "session_id", "opencode_project_name"}
    for name, panel in PANELS:
        headings = panel["transformations"][1]["options"]["renameByName"] if panel["type"] == "table" else {}
        if many & set(headings):
            assert all("topk(100, " in target["expr"] for target in panel["targets"]), (name, panel["title"])


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with lived(tmp_path_factory.mktemp("team")) as found:
        yield found


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
    # Everything was read, and no tool failed: these show nothing, as they should.
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
    assert _column(prometheus, "Models", names.MODEL) == {name: of.tokens for name, of in truth.by("model").items()}
    assert _column(prometheus, "Projects", names.PROJECT) == {
        name: of.tokens for name, of in truth.by("project").items()
    }


@pytest.mark.collector
@pytest.mark.prometheus
@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_narrows_every_figure(team: Team, choice: str) -> None:
    """To the truth of what is chosen; to nothing where nobody has it."""
    assert {each["name"] for name, each in VARIABLES if name == "overview.json"} == set(CHOICES)
    values = {str(getattr(each, choice)) for each in team.truth.written}
    assert len(values) > 1
    for value in (*values, "nobody"):
        for panel, target in _targets("overview.json"):
            at = choice, value, panel["title"], target["refId"]
            metric = re.findall(r"opencode:(\w+):gained5m", target["expr"])[0]  # of a column; the rows' comes after it
            of = team.truth if choice in NOT_BY.get(metric, ()) else team.truth.of(**{choice: value})
            wanted = EXCEPT.get(at[2:], FIGURES[metric])(of)
            answer = _answer(team.prometheus, _with(target, **{choice: value}))
            assert _sum(answer) == pytest.approx(wanted), at
            if value == "nobody" and not of.written:
                assert answer == [], at


@pytest.mark.collector
@pytest.mark.prometheus
@pytest.mark.parametrize("choice", ["team", "host"])
def test_a_choice_narrows_the_whole_fleet(team: Team, choice: str) -> None:
    """Each person is a team and a host: what is shown of one of these is what there is of the person."""
    people = {(each.user, each.team, each.host) for each in team.truth.written} | {("cy", SILENT_TEAM, SILENT)}
    now_s = time.time()
    for panel, target in _targets("fleet.json"):
        if "otelcol_" in target["expr"]:
            continue
        for user, of_team, host in people:
            shown = _with(target, **{choice: {"team": of_team, "host": host}[choice]})
            theirs = target | {"expr": re.sub(r'\{\w+=~.*?"\}', f'{{user="{user}"}}', target["expr"])}
            found, wanted = (_answer(team.prometheus, each, at_s=now_s) for each in (shown, theirs))
            assert found == wanted, (panel["title"], user)
        assert _answer(team.prometheus, _with(target, **{choice: "nobody"})) == [], panel["title"]
    agents = next(target for panel, target in _targets("fleet.json") if panel["title"] == "Agents")
    assert _sum(_answer(team.prometheus, agents)) == 2
    assert _sum(_answer(team.prometheus, _with(agents, team="pay"))) == 1


@pytest.mark.collector
@pytest.mark.prometheus
def test_a_choice_offers_what_the_ones_before_it_leave(team: Team) -> None:
    """At first, everything; once a team is chosen, its people, hosts, projects and sessions only."""
    offered = {(name, each["name"]): _offered(team.prometheus, each) for name, each in VARIABLES}
    assert all(offered.values())
    assert all(each["refresh"] == 2 for _, each in VARIABLES)  # when the time range is another
    assert offered["overview.json", "team"] == {"search", "pay"}
    assert offered["overview.json", "user"] == {"ada", "bob"}
    assert offered["overview.json", "session"] == team.truth.sessions
    narrowed = {(name, each["name"]): _offered(team.prometheus, each, team="pay") for name, each in VARIABLES}
    assert narrowed["overview.json", "user"] == {"bob"}
    assert narrowed["overview.json", "session"] < offered["overview.json", "session"]
    project = next(each for name, each in VARIABLES if (name, each["name"]) == ("overview.json", "project"))
    assert _offered(team.prometheus, project, user="nobody") == set()


@pytest.mark.collector
@pytest.mark.prometheus
def test_who_is_silent_for_a_day_is_listed(team: Team) -> None:
    ((host, silent_s),) = team.prometheus.rows(_filled(_target("Silent for a day")), "host_name").items()
    assert host == (SILENT,)
    assert SILENT_S <= silent_s < SILENT_S + 3600


@pytest.mark.collector
@pytest.mark.prometheus
@pytest.mark.jaeger
@pytest.mark.parametrize("title", ["Models", "Agents", "Projects", "Sessions"])
def test_every_row_leads_to_its_traces(team: Team, title: str) -> None:
    (panel,) = (
        panel for name, panel in PANELS if (name, panel["type"], panel["title"]) == ("overview.json", "table", title)
    )
    (link,) = panel["fieldConfig"]["defaults"]["links"]
    pane = json.loads(parse_qs(urlsplit(link["url"]).query)["panes"][0])["traces"]
    (search,) = pane["queries"]
    assert (pane["datasource"], search["datasource"]["type"], search["queryType"]) == ("${traces}", "jaeger", "search")
    headings = panel["transformations"][1]["options"]["renameByName"]
    rows = _answer(team.prometheus, panel["targets"][0])
    assert rows
    for row in rows:
        tags = search["tags"]
        for label, value in row["metric"].items():
            tags = tags.replace(f"${{__data.fields.{headings[label]}}}", value)
        (found,) = re.findall(r'(\S+)="(.*)"', tags)  # logfmt, of one
        assert "$" not in found[1]
        traces = team.jaeger.traces(service=search["service"], tags=dict([found]))
        assert traces, tags
        assert all(any(tags_of(span).get(found[0]) == found[1] for span in trace["spans"]) for trace in traces)


def _targets(board: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each with its panel."""
    return [(panel, target) for name, panel in PANELS if name == board for target in panel["targets"]]


def _with(target: dict[str, Any], **chosen: str) -> dict[str, Any]:
    expression = target["expr"]
    for name, value in chosen.items():
        expression = expression.replace(f"${{{name}}}", value)
    return target | {"expr": expression}


def _answer(prometheus: Prometheus, target: dict[str, Any], *, at_s: float | None = None) -> list[dict[str, Any]]:
    """As the panel asks: for a moment, or along the time range."""
    now_s = at_s or time.time()
    if target.get("instant"):
        return prometheus.answer(_filled(target["expr"]), at_s=now_s)
    return prometheus.over(_filled(target["expr"]), start_s=now_s - RANGE_S, end_s=now_s, step_s=300)


def _sum(answer: list[dict[str, Any]]) -> float:
    return sum(float(value) for row in answer for _, value in row.get("values") or [row["value"]])


def _offered(prometheus: Prometheus, variable: dict[str, Any], **chosen: str) -> set[str]:
    """As Grafana asks for the values of a variable."""
    found = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"])
    assert found is not None
    series, now_s = _with({"expr": found[1]}, **chosen)["expr"], time.time()
    bounds = {"match[]": _filled(series), "start": f"{now_s - RANGE_S:.0f}", "end": f"{now_s:.0f}"}
    reply = requests.get(f"{prometheus.url}/api/v1/label/{found[2]}/values", params=bounds, timeout=30)
    assert reply.status_code == 200, reply.text
    return set(reply.json()["data"])


def _target(title: str) -> str:
    return next(str(panel["targets"][0]["expr"]) for _, panel in PANELS if panel["title"] == title)


def _column(prometheus: Prometheus, title: str, label: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for (name,), value in prometheus.rows(_filled(_target(title)), label).items():
        found[name] = found.get(name, 0) + value
    return found


def _filled(expression: str) -> str:
    for name, value in FILLED.items():
        expression = expression.replace(name, value)
    return re.sub(r"\$\{\w+\}", ".*", expression)

"""The dashboards: written by the code beside them, and every query in them asked of a real Prometheus with real data."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from collector.dashboards import names
from collector.dashboards.__main__ import FOLDER, written
from otel_agent.semconv import METRICS, Attr
from tests.real_parts.jaeger import tags_of
from tests.real_parts.prometheus import Prometheus
from tests.team.lived import Team, lived
from tests.waiting import eventually

RANGE_S = 2 * 3600
FILLED = {"$__range": f"{RANGE_S}s", "$__interval": "5m", "$__rate_interval": "10m"}

BOARDS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"] if panel["type"] != "row"]


def test_what_is_committed_is_what_the_code_writes() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == written(), (
        "run `make dashboards`"
    )


def test_only_names_that_are_ours_or_the_collectors_stand_in_them() -> None:
    ours = {names.metric(each) for each in METRICS.values()} | {names.gained(each) for each in METRICS.values()}
    labels = {names.label(str(each)) for each in vars(Attr).values() if isinstance(each, str)}
    for name, panel in PANELS:
        for target in panel["targets"]:
            found = set(re.findall(r"\b(?:opencode|otel_agent|process|gen_ai)[_:][a-z_0-9:A-Z]+", target["expr"]))
            assert found <= ours | labels, (name, panel["title"])


def test_no_two_boards_stand_in_each_others_place() -> None:
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)


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
        "Tool calls": truth.calls,
        "Errors": pytest.approx(truth.errors / truth.messages),
    }
    assert _column(prometheus, "Models", names.MODEL) == truth.by_model
    assert _column(prometheus, "Projects", names.PROJECT) == truth.by_project


@pytest.mark.collector
@pytest.mark.prometheus
def test_a_choice_narrows_every_figure(team: Team) -> None:
    prometheus, truth = team.prometheus, team.truth
    query = _target("Tokens").replace("${project}", "parser")
    assert prometheus.rows(_filled(query)) == {(): truth.by_project["parser"]}


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


def _answer(prometheus: Prometheus, target: dict[str, Any]) -> list[dict[str, Any]]:
    """As the panel asks: for a moment, or along the time range."""
    if target.get("instant"):
        return prometheus.answer(_filled(target["expr"]))
    now_s = time.time()
    return prometheus.over(_filled(target["expr"]), start_s=now_s - RANGE_S, end_s=now_s, step_s=300)


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

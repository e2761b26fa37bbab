"""The dashboards: written by the code beside them, and every query in them asked of a real Prometheus with real data."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from collector.dashboards import names
from collector.dashboards.__main__ import FOLDER, written
from otel_agent.semconv import METRICS, Attr
from tests.real_parts.prometheus import Prometheus
from tests.team.lived import Truth, lived
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


def test_tables_lead_to_traces() -> None:
    links = {
        panel["title"]: panel["fieldConfig"]["defaults"]["links"][0]["url"]
        for _, panel in PANELS
        if panel.get("fieldConfig", {}).get("defaults", {}).get("links")
    }
    assert {"Models", "Agents", "Projects", "Sessions"} <= set(links)
    assert f"span.{Attr.SESSION}" in links["Sessions"]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, Truth]]:
    with lived(tmp_path_factory.mktemp("team")) as found:
        yield found


@pytest.mark.collector
@pytest.mark.prometheus
def test_every_query_returns_rows(team: tuple[Prometheus, Truth]) -> None:
    prometheus, _ = team
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
def test_the_headlines_are_the_truth(team: tuple[Prometheus, Truth]) -> None:
    prometheus, truth = team
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
def test_a_choice_narrows_every_figure(team: tuple[Prometheus, Truth]) -> None:
    prometheus, truth = team
    query = _target("Tokens").replace("${project}", "parser")
    assert prometheus.rows(_filled(query)) == {(): truth.by_project["parser"]}


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

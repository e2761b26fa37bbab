"""The committed dashboards, and their queries as Grafana sends them."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from collector.grafana.source.__main__ import FOLDER
from tests.support.real_programs.prometheus import Prometheus

Target = dict[str, Any]
"""A query of a panel, as Grafana's JSON has it."""

RANGE_S = 2 * 3600
FILLED = {"$__range": f"{RANGE_S}s", "$__interval": "5m", "$__rate_interval": "10m"}
"""What Grafana puts in place of its own variables, for a range of two hours."""
BOARDS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
VARIABLES = [
    (name, variable)
    for name, board in BOARDS.items()
    for variable in board["templating"]["list"]
    if variable["type"] == "query"
]
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"] if panel["type"] != "row"]


def headings(panel: dict[str, Any]) -> dict[str, str]:
    """Return the heading of each column of a table, by its label."""
    return dict(panel["transformations"][1]["options"]["renameByName"])


def search_of(title: str, label: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a table of the overview, and the search for traces to which the values of a label link."""
    wanted = ("overview.json", "table", title)
    (panel,) = (panel for name, panel in PANELS if (name, panel["type"], panel["title"]) == wanted)
    (link,) = next(
        property_["value"]
        for override in panel["fieldConfig"]["overrides"]
        for property_ in override["properties"]
        if property_["id"] == "links" and override["matcher"]["options"] == headings(panel)[label]
    )
    pane = json.loads(parse_qs(urlsplit(link["url"]).query)["panes"][0])["traces"]
    (search,) = pane["queries"]
    assert pane["datasource"] == "${traces}"
    assert search["datasource"]["type"] == "jaeger"
    assert search["queryType"] == "search"
    return panel, search


def targets(board: str) -> list[tuple[dict[str, Any], Target]]:
    """Return each query of a dashboard with its panel."""
    return [(panel, target) for name, panel in PANELS if name == board for target in panel["targets"]]


def with_chosen(target: Target, **chosen: str) -> Target:
    """Return a query with these values of its variables."""
    expression = target["expr"]
    for name, value in chosen.items():
        expression = expression.replace(f"${{{name}}}", value)
    return target | {"expr": expression}


def asked(prometheus: Prometheus, target: Target, *, at_s: float | None = None) -> list[dict[str, Any]]:
    """Ask as the panel does: for a moment, or along the time range."""
    now_s = at_s or time.time()
    if target.get("instant"):
        return prometheus.answer(filled(target["expr"]), at_s=now_s)
    return prometheus.over(filled(target["expr"]), start_s=now_s - RANGE_S, end_s=now_s, step_s=300)


def added_up(answer: list[dict[str, Any]]) -> float:
    return sum(float(value) for row in answer for _, value in row.get("values") or [row["value"]])


def offered(prometheus: Prometheus, variable: dict[str, Any], **chosen: str) -> set[str]:
    """Ask for the values of a variable, as Grafana does."""
    found = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"])
    assert found is not None
    series, now_s = with_chosen({"expr": found[1]}, **chosen)["expr"], time.time()
    bounds = {"match[]": filled(series), "start": f"{now_s - RANGE_S:.0f}", "end": f"{now_s:.0f}"}
    reply = requests.get(f"{prometheus.url}/api/v1/label/{found[2]}/values", params=bounds, timeout=30)
    assert reply.status_code == 200, reply.text
    return set(reply.json()["data"])


def expression(board: str, title: str) -> str:
    """Return the first query of the last panel with this title: a figure of the same title comes before its table."""
    found = [panel for name, panel in PANELS if (name, panel["title"]) == (f"{board}.json", title)]
    return str(found[-1]["targets"][0]["expr"])


def headlines(prometheus: Prometheus, **chosen: str) -> dict[tuple[str, str], float]:
    """Return every figure of the dashboards on usage, but those that compare with the time before."""
    return {
        (name.removesuffix(".json"), panel["title"]): float(answer[0]["value"][1])
        for name, panel in PANELS
        if name != "fleet.json" and panel["type"] == "stat" and not panel["title"].endswith(": change")
        for answer in [asked(prometheus, with_chosen(panel["targets"][0], **chosen))]
        if answer
    }


def column(prometheus: Prometheus, board: str, title: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Return the first column of a table, added up by labels."""
    found: dict[tuple[str, ...], float] = {}
    for row in prometheus.answer(filled(expression(board, title))):
        key = tuple(row["metric"].get(label, "") for label in labels)
        found[key] = found.get(key, 0) + float(row["value"][1])
    return found


def filled(expression: str) -> str:
    """Return a query as Grafana sends it; a variable without a choice matches anything."""
    for name, value in FILLED.items():
        expression = expression.replace(name, value)
    return re.sub(r"\$\{\w+\}", ".*", expression)

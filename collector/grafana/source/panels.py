"""The kinds of panel, link and variable that both dashboards use."""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, StackingConfig, VizLegendOptions
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from otel_agent.semconv import SERVICE_NAME

METRICS: Final = DataSourceRef(type_val="prometheus", uid="${metrics}")
TRACES: Final = "${traces}"
ALL: Final = ".*"
"""The value of a variable that filters nothing: it matches any label, and a missing one."""
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
ROWS: Final = 100
"""How many rows a table shows at most, if it could have thousands."""
HEIGHT: Final = 8
WIDTH: Final = 24


def query(expression: str, *, legend: str = "", ref: str = "A", instant: bool = False) -> prometheus.Dataquery:
    """Return a query: along the time range, or for its end as a table (`instant`)."""
    made = prometheus.Dataquery().expr(expression).ref_id(ref).datasource(METRICS)
    return made.instant().format(PromQueryFormat.TABLE) if instant else made.range().legend_format(legend)


def number(title: str, expression: str, unit: str, description: str = "") -> stat.Panel:
    """Return a panel with one figure for the whole time range."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(METRICS)
        .color_mode(BigValueColorMode.NONE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("0")
        .span(4)
        .height(4)
        .with_target(query(expression, instant=True))
    )


def bars(title: str, expression: str, legend: str, unit: str, description: str = "") -> timeseries.Panel:
    """Return a panel with stacked bars of what was used, in steps of five minutes or more."""
    return (
        lines(title, {legend: expression}, unit, description)
        .interval("5m")  # gained5m has a point in five minutes
        .draw_style(GraphDrawStyle.BARS)
        .fill_opacity(80)
        .stacking(StackingConfig().mode(StackingMode.NORMAL))
    )


def lines(title: str, expressions: Mapping[str, str], unit: str, description: str = "") -> timeseries.Panel:
    """Return a graph with a line for each query; `expressions` has them by their legend."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(METRICS)
        .legend(
            VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)
        )
        .span(WIDTH // 2)
        .height(HEIGHT)
    )
    for ref, (legend, expression) in zip("ABCDEFGH", expressions.items(), strict=False):
        panel = panel.with_target(query(expression, legend=legend, ref=ref))
    return panel


def ranking(
    title: str, columns: Mapping[str, str], named: Mapping[str, str], *, span: int = WIDTH // 2, traces: str = ""
) -> table.Panel:
    """Return a table with a row for each set of labels.

    `columns` has the queries by their heading, and `named` the headings of labels. With `traces`, the span attribute that has
    the value of the first label, each row links to its traces.
    """
    panel = table.Panel().title(title).datasource(METRICS).span(span).height(HEIGHT).filterable(True)
    renamed = dict(named)
    for ref, (heading, expression) in zip("ABCDEFGH", columns.items(), strict=False):
        panel = panel.with_target(query(expression, ref=ref, instant=True))
        renamed[f"Value #{ref}" if len(columns) > 1 else "Value"] = heading
    if traces:
        panel = panel.data_links([_to_traces(traces, next(iter(named.values())))])
    shown = {"excludeByName": {"Time": True}, "renameByName": renamed}
    return panel.with_transformation(DataTransformerConfig(id_val="merge", options={})).with_transformation(
        DataTransformerConfig(id_val="organize", options=shown)
    )


def _to_traces(attribute: str, heading: str) -> dashboard.DashboardLink:
    """Return a link from a row to its traces in Grafana's Explore: `attribute` has the row's value under `heading`."""
    # Jaeger's data source reads tags as logfmt.
    tags = f'{attribute}="${{__data.fields.{heading}}}"'
    search = {
        "refId": "A",
        "datasource": {"type": "jaeger", "uid": TRACES},
        "queryType": "search",
        "service": SERVICE_NAME,
        "tags": tags,
    }
    pane = {"datasource": TRACES, "queries": [search], "range": {"from": "${__from}", "to": "${__to}"}}
    where = quote(json.dumps({"traces": pane}, separators=(",", ":")), safe="${}_.:")
    return (
        dashboard.DashboardLink("Its traces")
        .type(DashboardLinkType.LINK)
        .url(f"/explore?schemaVersion=1&panes={where}")
        .target_blank(True)
    )


def board(uid: str, title: str, description: str, *, since: str, refresh: str) -> dashboard.Dashboard:
    """Return an empty dashboard, with the variables for the data sources of metrics and traces."""
    made = dashboard.Dashboard(title).uid(uid).description(description).tags(["opencode", "otel-agent"])
    return (
        made.time(since, "now")
        .refresh(refresh)
        .readonly()
        .with_variable(dashboard.DatasourceVariable("metrics").label("Metrics").type("prometheus"))
        .with_variable(dashboard.DatasourceVariable("traces").label("Traces").type("jaeger"))
    )


def choice(
    name: str, heading: str, label: str, of: str, narrowed: Mapping[str, str] = NOTHING, description: str = ""
) -> dashboard.QueryVariable:
    """Return a variable that offers the values of a label in the series `of`, within the time range.

    `narrowed` has the variable of each label that limits these values.
    """
    return (
        dashboard.QueryVariable(name)
        .label(heading)
        .description(description)
        .datasource(METRICS)
        .query(f"label_values({of}{chosen(narrowed)}, {label})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        .all_value(ALL)
        .multi(True)
    )


def chosen(variables: Mapping[str, str], *more: str) -> str:
    """Return the matchers that filter by variables (given by their label), and by `more` matchers."""
    matchers = [*(f'{label}=~"${{{name}}}"' for label, name in variables.items()), *more]
    return f"{{{', '.join(matchers)}}}" if matchers else ""


def most(number: int, of: str, by: Iterable[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Return `columns` limited to the rows with the largest `of`, so that no table has a row for each of thousands."""
    rows = f"topk({number}, {of})"
    return {
        heading: rows if expression == of else f"{expression} and on ({', '.join(by)}) {rows}"
        for heading, expression in columns.items()
    }

"""The kinds of figures, graphs and variables that the dashboards use. Tables are in `tables`."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, StackingConfig, VizLegendOptions
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    Panel,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

METRICS: Final = DataSourceRef(type_val="prometheus", uid="${metrics}")
ALL: Final = ".*"
"""The value of a variable that filters nothing: it matches any label, and a missing one."""
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
HEIGHT: Final = 8
WIDTH: Final = 24
TAG: Final = "otel-agent"
"""The dashboards with this tag link to each other."""
NOT_YET: Final = "Nothing recorded in this time. What is used now is recorded in about seven minutes."
NOT_YET_SHORT: Final = "recorded in about 7 minutes"
"""The same for a figure, which has less room."""
Steps = Sequence[tuple[float | None, str]]
"""The color from each value on. The first one has no value."""


def query(expression: str, *, legend: str = "", ref: str = "A", instant: bool = False) -> prometheus.Dataquery:
    """Return a query: along the time range, or for its end as a table (`instant`)."""
    made = prometheus.Dataquery().expr(expression).ref_id(ref).datasource(METRICS)
    return made.instant().format(PromQueryFormat.TABLE) if instant else made.range().legend_format(legend)


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    """Return the colors of a field."""
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=color) for value, color in steps])
    )


def number(
    title: str,
    expression: str,
    unit: str,
    description: str = "",
    *,
    steps: Steps = (),
    empty: str = NOT_YET_SHORT,
    span: int = 4,
) -> stat.Panel:
    """Return a panel with one figure for the whole time range, in the color of `steps`."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(METRICS)
        .color_mode(BigValueColorMode.VALUE if steps else BigValueColorMode.NONE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value(empty)
        .span(span)
        .height(4)
        .with_target(query(expression, instant=True))
    )
    return panel.thresholds(thresholds(steps)) if steps else panel


def bars(title: str, expression: str, legend: str, unit: str, description: str = "") -> timeseries.Panel:
    """Return a panel with stacked bars of what was used, in steps of five minutes or more."""
    return (
        lines(title, {legend: expression}, unit, description)
        .interval("5m")  # gained5m has a point in five minutes
        .min(0)
        .draw_style(GraphDrawStyle.BARS)
        .fill_opacity(80)
        .stacking(StackingConfig().mode(StackingMode.NORMAL))
    )


def mix(title: str, expression: str, legend: str, description: str = "", *, step: str) -> timeseries.Panel:
    """Return a panel with the share of each series, in steps of `step` or longer."""
    return (
        bars(title, expression, legend, "short", description)
        .interval(step)
        .stacking(StackingConfig().mode(StackingMode.PERCENT))
    )


def trend(
    title: str, expressions: Mapping[str, str], unit: str, description: str = "", *, step: str = "1h"
) -> timeseries.Panel:
    """Return a graph of ratios, in steps of `step` or longer. Times without use leave no gap."""
    return lines(title, expressions, unit, description).interval(step).span_nulls(True).show_points(VisibilityMode.AUTO)


def lines(title: str, expressions: Mapping[str, str], unit: str, description: str = "") -> timeseries.Panel:
    """Return a graph with a line for each query; `expressions` has them by their legend."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(METRICS)
        .no_value(NOT_YET)
        .legend(
            VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)
        )
        .span(WIDTH // 2)
        .height(HEIGHT)
    )
    for ref, (legend, expression) in zip("ABCDEFGH", expressions.items(), strict=False):
        panel = panel.with_target(query(expression, legend=legend, ref=ref))
    return panel


def legend(*labels: str) -> str:
    """Return the legend that shows these labels."""
    return " ".join(f"{{{{{label}}}}}" for label in labels)


def board(uid: str, title: str, description: str, *, since: str, refresh: str) -> dashboard.Dashboard:
    """Return an empty dashboard: the variables for the data sources, and links that keep the time and the filters."""
    made = dashboard.Dashboard(title).uid(uid).description(description).tags(["opencode", TAG])
    links = dashboard.DashboardLink("The other dashboards").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    return (
        made.time(since, "now")
        .refresh(refresh)
        .readonly()
        .link(links.include_vars(True).keep_time(True))
        .with_variable(dashboard.DatasourceVariable("metrics").label("Metrics").type("prometheus"))
        .with_variable(dashboard.DatasourceVariable("traces").label("Traces").type("jaeger"))
    )


def with_rows(made: dashboard.Dashboard, rows: Mapping[str, Sequence[Builder[Panel]]]) -> dashboard.Dashboard:
    """Add rows of panels by their titles."""
    for title, row in rows.items():
        made = made.with_row(dashboard.Row(title))
        for panel in row:
            made = made.with_panel(panel)
    return made


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

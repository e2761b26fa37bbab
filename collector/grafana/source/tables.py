"""Tables: sorted, with units, bars and colors, and with their columns in the order in which one reads."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.common import TableSortByFieldState
from grafana_foundation_sdk.models.common import TableCellHeight
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
)

from collector.grafana.source import names
from collector.grafana.source.panels import HEIGHT, METRICS, NOT_YET, WIDTH, Steps, query
from otel_agent.semconv import SERVICE_NAME
from otel_agent.semconv.attributes import Attr

TRACES: Final = "${traces}"
ROWS: Final = 100
"""How many rows a table shows at most, if it could have thousands."""
COUNT: Final = "locale"
"""The unit of a count in a table: with separators, and all digits."""
DOLLARS: Final = "currencyUSD"
"""The unit of a cost."""
_NOTHING: Final = "-"
"""What a cell shows without a figure."""
_WIDTHS: Final = {"bar": 150, "plain": 90}
"""The widths of columns with figures. The columns with names share what is left. Pixels."""
_NAMED: Final = {
    names.PROJECT: ({"/": "(global)"}, "(global)"),
    names.TEAM: ({}, "(no team)"),
    names.USER: ({}, "(no user)"),
    names.ERROR: ({}, "(none)"),
}
"""How a table shows values of a label, and a missing one. `otel-agent summary` says `(global)` too."""
_TRACED: Final = {
    names.MODEL: Attr.MODEL,
    names.AGENT: Attr.AGENT,
    names.PROJECT: Attr.PROJECT,
    names.SESSION: Attr.SESSION,
}
"""The labels that link to the traces with the same value of a span attribute."""
_CALM: Final = "semi-dark-blue"


class Column(NamedTuple):
    """A column with figures: its heading and query, its unit, and how it looks."""

    heading: str
    expression: str
    unit: str = COUNT
    bar: bool = False
    """Shows each figure as a bar, too."""
    steps: Steps = ()
    """The color of a figure from each value on."""
    decimals: int | None = None
    width: int | None = None


def ranking(
    title: str,
    columns: Sequence[Column],
    named: Mapping[str, str],
    description: str = "",
    *,
    span: int = WIDTH // 2,
    height: int = HEIGHT,
    sort: str = "",
    empty: str = NOT_YET,
    widths: Mapping[str, int] | None = None,
) -> table.Panel:
    """Return a table with a row for each set of labels, sorted by a column: the largest first.

    `named` has the headings of labels, and `widths` the width of some of these. Without `sort`, the first column with figures
    sorts. Names of models, agents, projects and sessions link to their traces.
    """
    panel = table.Panel().title(title).description(description).datasource(METRICS).span(span).height(height)
    panel = panel.no_value(empty).cell_height(TableCellHeight.SM).min_width(50)
    panel = panel.sort_by([TableSortByFieldState().display_name(sort or columns[0].heading).desc(True)])
    renamed = dict(named)
    for ref, column in zip("ABCDEFGH", columns, strict=False):
        panel = panel.with_target(query(column.expression, ref=ref, instant=True))
        renamed[f"Value #{ref}" if len(columns) > 1 else "Value"] = column.heading
        panel = panel.override_by_name(column.heading, _looks(column))
    for label, heading in named.items():
        properties = _reads(label, (widths or {}).get(heading))
        panel = panel.override_by_name(heading, properties) if properties else panel
    order = {name: place for place, name in enumerate(renamed)}
    shown = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": renamed}
    return panel.with_transformation(DataTransformerConfig(id_val="merge", options={})).with_transformation(
        DataTransformerConfig(id_val="organize", options=shown)
    )


def most(number: int, of: str, by: Iterable[str], columns: Sequence[Column]) -> list[Column]:
    """Return `columns` limited to the rows with the largest `of`, so that no table has a row for each of thousands."""
    rows, labels = f"topk({number}, {of})", ", ".join(by)
    return [
        column._replace(
            expression=rows if column.expression == of else f"({column.expression}) and on ({labels}) {rows}"
        )
        for column in columns
    ]


def by_hour(title: str, expression: str, unit: str, description: str) -> table.Panel:
    """Return a table of weekdays and hours of a query with the labels `day` (1 is Monday) and `hour` (00 to 23)."""
    days = dict(zip("1234567", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))
    hours = [f"{hour:02}" for hour in range(24)]
    panel = table.Panel().title(title).description(description).datasource(METRICS).span(WIDTH).height(HEIGHT)
    panel = panel.no_value(NOT_YET).cell_height(TableCellHeight.SM).min_width(20).unit(unit).decimals(0)
    panel = panel.sort_by([TableSortByFieldState().display_name("Day").desc(False)])
    panel = panel.with_target(query(expression, instant=True))
    colored = {"type": "color-background", "mode": "basic"}
    panel = panel.override_by_regexp(
        "[0-9]{2}",
        _values(**{"custom.cellOptions": colored, "color": {"mode": "continuous-blues"}, "noValue": _NOTHING}),
    )
    mapped = [{"type": "value", "options": {day: {"text": text, "index": int(day)} for day, text in days.items()}}]
    panel = panel.override_by_name("Day", _values(mappings=mapped, **{"custom.width": 55}))
    matrix = {"rowField": "day", "columnField": "hour", "valueField": "Value", "emptyValue": "null"}
    order = {name: place for place, name in enumerate(["day\\hour", *hours])}
    return panel.with_transformation(
        DataTransformerConfig(id_val="groupingToMatrix", options=matrix)
    ).with_transformation(
        DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": {}, "indexByName": order, "renameByName": {"day\\hour": "Day"}},
        )
    )


def _looks(column: Column) -> list[DynamicConfigValue]:
    """Return how a column with figures looks."""
    found: dict[str, object] = {"unit": column.unit, "custom.align": "right", "noValue": _NOTHING}
    found["custom.width"] = column.width or _WIDTHS["bar" if column.bar else "plain"]
    decimals = 2 if column.unit == DOLLARS and column.decimals is None else column.decimals
    if decimals is not None:
        found["decimals"] = decimals
    if column.bar:
        # Without `fieldMinMax`, a bar is a share of the largest figure of all columns.
        found |= {"min": 0, "fieldMinMax": True, "color": {"mode": "fixed", "fixedColor": _CALM}}
        found["custom.cellOptions"] = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    elif column.steps:
        steps = [{"value": value, "color": color} for value, color in column.steps]
        found |= {"thresholds": {"mode": "absolute", "steps": steps}, "color": {"mode": "thresholds"}}
        found["custom.cellOptions"] = {"type": "color-text"}
    return _values(**found)


def _reads(label: str, width: int | None) -> list[DynamicConfigValue]:
    """Return how a column with names reads, and where it leads."""
    found: dict[str, object] = {}
    if label in _NAMED:
        values, missing = _NAMED[label]
        shown = {value: {"text": text, "index": 0} for value, text in values.items()}
        found["mappings"] = [
            *([{"type": "value", "options": shown}] if shown else []),
            *(
                {"type": "special", "options": {"match": match, "result": {"text": missing, "index": 1}}}
                for match in ("empty", "null")
            ),
        ]
    if label in _TRACED:
        found["links"] = [_to_traces(_TRACED[label])]
    if width:
        found["custom.width"] = width
    return _values(**found)


def _values(**found: object) -> list[DynamicConfigValue]:
    return [DynamicConfigValue(id_val=name, value=value) for name, value in found.items()]


def _to_traces(attribute: str) -> dict[str, object]:
    """Return a link from a name to its traces in Grafana's Explore. The name is taken as recorded, and not as shown."""
    # Jaeger's data source reads tags as logfmt.
    search = {
        "refId": "A",
        "datasource": {"type": "jaeger", "uid": TRACES},
        "queryType": "search",
        "service": SERVICE_NAME,
        "tags": f'{attribute}="${{__value.raw}}"',
    }
    pane = {"datasource": TRACES, "queries": [search], "range": {"from": "${__from}", "to": "${__to}"}}
    where = quote(json.dumps({"traces": pane}, separators=(",", ":")), safe="${}_.:")
    return {"title": "Its traces", "url": f"/explore?schemaVersion=1&panes={where}", "targetBlank": True}

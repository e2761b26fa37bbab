"""A page in one file: real tables, charts as SVG, and nothing that has to be fetched or run."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from html import escape
from typing import Final

from otel_agent.summary.formats.charts import (
    MOST_BARS,
    bars_by_name,
    calls_by_tool,
    columns_over_time,
    legend,
    week_by_hour,
)
from otel_agent.summary.formats.page_style import STYLE
from otel_agent.summary.text import words
from otel_agent.summary.text.captions import (
    asked_for,
    cut_line,
    footnotes,
    incomplete,
    nothing_in,
    title_of,
    total_name,
    warned,
)
from otel_agent.summary.text.columns import columns
from otel_agent.summary.text.overview_rows import (
    ACTIVE_SESSIONS,
    ACTIVE_TITLES,
    BUDGET_TITLES,
    CATEGORY_TITLES,
    NO_PROCESS,
    PROCESS_TITLES,
    active_rows,
    budget_rows,
    category_rows,
    process_rows,
)
from otel_agent.summary.text.tool_rows import BY_SERVER, NUMBERS, SERVER_TITLES, server_rows
from otel_agent.summary.view import Activity, View

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def as_html(views: Sequence[View]) -> str:
    """Return a whole page with a section for each view."""
    first = views[0]
    title = f"otel-agent: {title_of(first)}" if len(views) == 1 else "otel-agent summary"
    body = [*_head(views), *(part for view in views for part in _section(view))]
    return _PAGE.format(title=escape(title), style=STYLE, body="\n".join(body))


def _head(views: Sequence[View]) -> Iterator[str]:
    first = views[0]
    yield "<header>"
    yield "<h1>OpenCode usage</h1>"
    # Each view may have a range of its own; then its title says it.
    if len({asked_for(view) for view in views}) == 1:
        yield f"<p>{escape(asked_for(first))}</p>"
    yield f"<p>Made {first.now:%Y-%m-%d %H:%M} ({escape(first.range.zone)}) by otel-agent</p>"
    for sentence in dict.fromkeys(filter(None, map(incomplete, views))):
        yield f'<p class="warning">{escape(sentence)}</p>'
    yield "</header>"


def _section(view: View) -> Iterator[str]:
    yield f'<section id="{view.name}">'
    yield f"<h2>{escape(title_of(view))}</h2>"
    if view.activity is not None:
        yield from _activity(view, view.activity)
    if view.rows:
        yield from _charts(view)
        yield _rows_table(view)
    else:
        yield f"<p>{escape(nothing_in(view))}</p>"
    if view.tools is not None and view.tools.servers:
        yield f"<h3>{BY_SERVER}</h3>"
        yield _table(SERVER_TITLES, server_rows(view, view.tools), numbers=NUMBERS)
    if view.cut is not None:
        yield f'<p class="note">{escape(cut_line(view))}</p>'
    first = warned(view)
    for number, note in enumerate(footnotes(view)):
        yield f'<p class="{"warning" if number < first else "note"}">{escape(note)}</p>'
    yield "</section>"


def _charts(view: View) -> Iterator[str]:
    if view.name == "tools":
        most = f", the {MOST_BARS} with the most" if len(view.rows) > MOST_BARS else ""
        yield _figure(f"Calls{most}", calls_by_tool(view))
    elif view.name == "timeline":
        yield _figure(f"Tokens by category {legend()}", columns_over_time(view))
    else:
        most = f", the {MOST_BARS} with the most" if len(view.rows) > MOST_BARS else ""
        yield _figure(f"Tokens{most}", bars_by_name(view))
    if view.rhythm is not None:
        yield _figure("Tokens by weekday and hour", week_by_hour(view.rhythm))


def _figure(caption: str, chart: str) -> str:
    return f"<figure><figcaption>{caption}</figcaption>{chart}</figure>"


def _activity(view: View, activity: Activity) -> Iterator[str]:
    """Yield what an overview has beside its models: processes, tokens by category, and active sessions."""
    if activity.processes:
        yield f"<h3>{words.running(len(activity.processes))}</h3>"
        yield _table(PROCESS_TITLES, process_rows(view, activity.processes), numbers=(0, 2, 3, 4))
    else:
        yield f'<p class="note">{NO_PROCESS}</p>'
    if view.totals.is_any:
        yield "<h3>Tokens by category</h3>"
        totals = (total_name(view), words.exact(view.total_of(view.totals)), "")
        yield _table(CATEGORY_TITLES, category_rows(view), numbers=(1, 2), totals=totals)
    if view.budgets:
        yield _table(BUDGET_TITLES, budget_rows(view), numbers=(1, 2, 3))
    if activity.sessions:
        yield f"<h3>{ACTIVE_SESSIONS}</h3>"
        yield _table(ACTIVE_TITLES, active_rows(view, activity.sessions), numbers=(2, 3))


def _rows_table(view: View) -> str:
    """Return the rows with all their columns: a page scrolls to the side if it is narrow."""
    kept = columns(view)
    numbers = [index for index, column in enumerate(kept) if column.kind == "number"]
    rows = ([column.cell(view, row) for column in kept] for row in view.rows)
    totals = [total_name(view), *(column.total(view, view.totals) if column.total else "" for column in kept[1:])]
    return _table([column.title for column in kept], rows, numbers=numbers, totals=totals)


def _table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[int], totals: Sequence[str] = ()
) -> str:
    head = _line("th", titles, numbers)
    body = "\n".join(_line("td", row, numbers) for row in rows)
    foot = f"<tfoot>{_line('td', totals, numbers)}</tfoot>" if totals else ""
    return f'<div class="scroll"><table><thead>{head}</thead>\n<tbody>{body}</tbody>{foot}</table></div>'


def _line(tag: str, cells: Sequence[str], numbers: Collection[int]) -> str:
    """Return a line of a table. Leading blanks, which show the depth of a sub-agent, are kept."""
    written = []
    for index, text in enumerate(cells):
        kind = ' class="number"' if index in numbers else ""
        indent = len(text) - len(text.lstrip(" "))
        written.append(f"<{tag}{kind}>{'&#8195;' * (indent // 2)}{escape(words.plain(text.strip()))}</{tag}>")
    return f"<tr>{''.join(written)}</tr>"

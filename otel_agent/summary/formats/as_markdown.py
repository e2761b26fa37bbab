"""Markdown with GitHub's pipe tables. Text from storage is shown, never interpreted."""

import re
from collections.abc import Container, Iterable, Sequence
from typing import Final

from otel_agent.summary.text.captions import cut_line, footnotes, incomplete, nothing_in, title_of, total_name
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

_SPECIAL: Final = re.compile(r"[\\`*_\[\]<>|#~&@$!]|(?<=www)\.|:(?=//)", re.IGNORECASE)
"""Letters that begin emphasis, code, a link, HTML, a cell or a mention, and the parts of what GitHub links by itself."""


def as_markdown(views: Sequence[View]) -> str:
    """Return a section for each view: title, table, and the footnotes as paragraphs."""
    return "\n".join(_section(view) for view in views)


def _section(view: View) -> str:
    shown = columns(view)
    lines = [f"## {escaped(title_of(view))}", ""]
    if sentence := incomplete(view):
        lines += [f"**{escaped(sentence)}**", ""]
    if view.activity is not None:
        lines += _activity(view, view.activity)
    if view.rows:
        lines.append(_line([column.title for column in shown]))
        lines.append(_line(["---:" if column.kind == "number" else ":---" for column in shown], escape=False))
        lines += [_line([column.cell(view, row) for column in shown]) for row in view.rows]
        # The stars for bold are added after escaping, or they would be escaped too.
        totals = [total_name(view), *(column.total(view, view.totals) if column.total else "" for column in shown[1:])]
        lines.append(_line([f"**{escaped(text)}**" if text else "" for text in totals], escape=False))
    else:
        lines.append(escaped(nothing_in(view)))
    if view.tools is not None and view.tools.servers:
        lines += ["", f"{BY_SERVER}:", "", *_table(SERVER_TITLES, server_rows(view, view.tools), numbers=NUMBERS)]
    notes = [*([cut_line(view)] if view.cut else []), *footnotes(view)]
    return "\n".join([*lines, "", *(f"{escaped(note)}\n" for note in notes)])


def _activity(view: View, activity: Activity) -> list[str]:
    """Return what an overview has beside its models: processes, tokens by category, and active sessions."""
    lines: list[str] = []
    if activity.processes:
        lines += _table(PROCESS_TITLES, process_rows(view, activity.processes), numbers=(0, 2, 3, 4))
    else:
        lines += [NO_PROCESS, ""]
    if view.totals.is_any:
        lines += _table(CATEGORY_TITLES, category_rows(view), numbers=(1, 2))
    if view.budgets:
        lines += _table(BUDGET_TITLES, budget_rows(view), numbers=(1, 2, 3))
    if activity.sessions:
        lines += [
            f"{ACTIVE_SESSIONS}:",
            "",
            *_table(ACTIVE_TITLES, active_rows(view, activity.sessions), numbers=(2, 3)),
        ]
    return lines


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Container[int]) -> list[str]:
    aligned = ["---:" if index in numbers else ":---" for index in range(len(titles))]
    return [_line(titles), _line(aligned, escape=False), *map(_line, rows), ""]


def _line(cells: Sequence[str], *, escape: bool = True) -> str:
    return f"| {' | '.join(escaped(cell) if escape else cell for cell in cells)} |"


def escaped(text: str) -> str:
    """Escape text so that a reader sees exactly this text, without links that GitHub would add."""
    return _SPECIAL.sub(r"\\\g<0>", text)

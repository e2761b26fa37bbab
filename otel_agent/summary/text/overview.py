"""The head of an overview on a terminal: running processes, tokens by category, and active sessions."""

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from otel_agent.model.plural import counted
from otel_agent.summary.text import words
from otel_agent.summary.text.bars import bar
from otel_agent.summary.text.captions import asked_for, total_name
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
from otel_agent.summary.text.widths import GAP, beginning_of, end_of, end_of_place
from otel_agent.summary.view import Activity, Process, View, shown

_BAR_COLUMNS: Final = 20
_BAR_NARROWEST: Final = 6
_NO_LIMIT: Final = 1_000
_DIRECTORY_NARROWEST: Final = 8
"""With less room than this a directory says nothing, and is left out."""
_GAP: Final = " " * GAP
_PACE: Final = 4
_BUDGET_COLUMNS: Final = ((1, 2, 3, _PACE), (1, 2, _PACE), (1, 2), (1,))
"""What is shown beside a budget's name, by ``BUDGET_TITLES``, with less and less room."""
_BUDGET_NARROWEST: Final = 12
"""Leave out a column rather than cut a budget's name to less than this width."""


def overview_head(view: View, activity: Activity) -> list[RenderableType]:
    """Return the running processes and, if anything was used, the tokens by category."""
    processes = _processes(view, activity)
    budgets: list[RenderableType] = [Text(), budget_table(view)] if view.budgets else []
    if not view.totals.is_any:
        return [processes, *budgets]
    title = title_line(f"Tokens, {asked_for(view)}")
    return [processes, Text(), title, _Categories(view), sums_line(view), *budgets]


def active_sessions(view: View, activity: Activity) -> list[RenderableType]:
    """Return the sessions that had a message in the last minutes, under their title."""
    return [title_line(ACTIVE_SESSIONS), active_table(view, activity)]


def title_line(text: str) -> Text:
    """Return a title."""
    return Text(text, style="bold")


def _processes(view: View, activity: Activity) -> RenderableType:
    if not activity.processes:
        return Text(NO_PROCESS, style="dim")
    return Group(title_line(words.running(len(activity.processes))), process_table(view, activity.processes))


def process_table(view: View, processes: Sequence[Process]) -> RenderableType:
    """Return a line for each process, below the titles."""
    return _ProcessTable([PROCESS_TITLES, *process_rows(view, processes)])


class _ProcessTable:
    """The running processes. A directory gets the width that all else leaves, and loses its beginning."""

    def __init__(self, rows: Sequence[tuple[str, ...]]) -> None:
        """``rows`` begins with the titles."""
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = [max(map(cell_len, cells)) for cells in zip(*self._rows, strict=True)][:-1]
        room = options.max_width - sum(widths) - GAP * len(widths)
        for number, (*facts, directory) in enumerate(self._rows):
            # Two names, aligned left, and three numbers, aligned right.
            cells = [f"{text:<{width}}" for text, width in zip(facts[:2], widths[:2], strict=True)]
            cells += [f"{text:>{width}}" for text, width in zip(facts[2:], widths[2:], strict=True)]
            if room >= _DIRECTORY_NARROWEST:
                cells.append(end_of(directory, room))
            yield Text(_GAP.join(cells).rstrip(), style="" if number else "dim", no_wrap=True, overflow="ellipsis")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)


class _Categories:
    """The tokens by category. The bars get what the numbers leave, and nothing if that is too little."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        numbers = console.measure(category_table(self._view, 0), options=options.update(max_width=_NO_LIMIT)).maximum
        room = min(options.max_width - numbers, _BAR_COLUMNS)
        yield category_table(self._view, room if room >= _BAR_NARROWEST else 0)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)


def category_table(view: View, bar_columns: int = _BAR_COLUMNS) -> Table:
    """Return the tokens of each category with its share as a bar, ``bar_columns`` wide for all, and their total."""
    tokens = shown(view.totals, view.accounting)
    table = _table(*CATEGORY_TITLES[:1], right=CATEGORY_TITLES[1:], last="")
    for cells, number in zip(category_rows(view), tokens.by_category(), strict=True):
        part = number / tokens.total if tokens.total else 0.0
        table.add_row(*cells, Text(bar(max(part, 0), bar_columns) if bar_columns else "", style="cyan"))
    table.add_row(Text(total_name(view), style="bold"), Text(words.exact(tokens.total), style="bold"))
    return table


def budget_table(view: View) -> RenderableType:
    """Return what is used and left of each budget, below the titles."""
    return _BudgetTable([BUDGET_TITLES, *budget_rows(view)], [False, *(budget.is_passed for budget in view.budgets)])


class _BudgetTable:
    """The budgets. A name gets the width that all else leaves; if that is too little, columns are left out."""

    def __init__(self, rows: Sequence[tuple[str, ...]], passed: Sequence[bool]) -> None:
        """``rows`` begins with the titles."""
        self._rows, self._passed = rows, passed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = [max(map(cell_len, cells)) for cells in zip(*self._rows, strict=True)]
        rooms = {kept: options.max_width - sum(widths[index] + GAP for index in kept) for kept in _BUDGET_COLUMNS}
        enough = min(widths[0], _BUDGET_NARROWEST)
        kept = next((kept for kept, room in rooms.items() if room >= enough), _BUDGET_COLUMNS[-1])
        name = max(min(rooms[kept], widths[0]), 1)
        for number, (row, passed) in enumerate(zip(self._rows, self._passed, strict=True)):
            cells = [beginning_of(row[0], name)]
            # Three numbers, aligned right, and a sentence.
            cells += [row[index] if index == _PACE else f"{row[index]:>{widths[index]}}" for index in kept]
            style = "dim" if number == 0 else "red" if passed else ""
            yield Text(_GAP.join(cells).rstrip(), style=style, no_wrap=True, overflow="ellipsis")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)


def sums_line(view: View) -> Text:
    """Return the messages, the sessions, and the cost if any was recorded."""
    used = view.totals
    messages, sessions = counted(used.messages, "message"), counted(used.sessions, "session")
    cost = f", {words.dollars(used.cost_nusd)} USD as recorded" if used.cost_nusd else ""
    return Text(f"{messages} in {sessions}{cost}")


def active_table(view: View, activity: Activity) -> RenderableType:
    """Return a line for each active session, below the titles, as wide as the screen."""
    return _ActiveTable([ACTIVE_TITLES, *active_rows(view, activity.sessions)])


class _ActiveTable:
    """The active sessions. Both names share the width that the numbers leave; a project loses its beginning."""

    def __init__(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """``rows`` begins with the titles."""
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        messages, tokens = (max(map(cell_len, cells)) for cells in list(zip(*self._rows, strict=True))[2:])
        room = max(options.max_width - messages - tokens - 3 * GAP, 2)
        of_project = room // 2
        for number, (session, project, *numbers) in enumerate(self._rows):
            cells = [
                beginning_of(session, room - of_project),
                set_cell_size(end_of_place(project, of_project), of_project),
                f"{numbers[0]:>{messages}}",
                f"{numbers[1]:>{tokens}}",
            ]
            yield Text(_GAP.join(cells), style="" if number else "dim", no_wrap=True, overflow="ellipsis")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)


def _table(*left: str, right: Sequence[str], last: str | None = None) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for name in left:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    if last is not None:
        table.add_column(last, no_wrap=True, overflow="ellipsis")
    return table

"""The overview as Rich tables. Text from storage is shown as it is, never as markup.

Names give way to the width of the terminal, numbers never do.
"""

from datetime import timedelta
from pathlib import Path
from typing import Final

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from otel_agent.ledger.queries import Usage
from otel_agent.report.overview import ACTIVE_MINUTES, Overview, overlap, shown
from otel_agent.signals.dimensions import from_home

_BAR_COLUMNS: Final = 20
_CATEGORIES: Final = ("Input", "Output", "Reasoning", "Cache read", "Cache write")


def overview_table(found: Overview) -> RenderableType:
    parts: list[RenderableType] = []
    if found.totals.messages:
        parts += [_totals(found), _sums(found.totals), Text(), _models(found), Text()]
    else:
        parts += [Text("No completed messages today; --range all shows those before."), Text()]
    if found.active:
        parts += [_active(found), Text()]
    return Group(*parts, _footnotes(found))


def no_data(places: list[Path]) -> RenderableType:
    """What to say where nothing was ever counted."""
    looked = [Text(f"  {place}") for place in places]
    hint = Text("Use OpenCode once, or set XDG_DATA_HOME or OTEL_AGENT_DATA_DIRS if its data is elsewhere.")
    return Group(Text("No data available. Looked in:"), *looked, hint)


def _totals(found: Overview) -> Table:
    tokens = shown(found.totals, found.accounting)
    table = _table(f"Tokens {'today' if found.range.name == 'today' else 'of all time'}")
    table.add_column("Category", no_wrap=True)
    _add_shares(table)
    for name, number in zip(_CATEGORIES, tokens.each(), strict=True):
        table.add_row(name, *_share(number, tokens.total))
    table.add_row("Total", Text(_int(tokens.total), style="bold"))
    return table


def _sums(usage: Usage) -> Text:
    messages, sessions = _counted(usage.messages, "message"), _counted(usage.sessions, "session")
    return Text(f"{messages} in {sessions}, {usage.cost_nusd / 1e9:,.4f} USD as recorded")


def _models(found: Overview) -> Table:
    table = _table("Models")
    table.add_column("Model", overflow="fold")
    table.add_column("Messages", justify="right", no_wrap=True)
    _add_shares(table)
    whole = shown(found.totals, found.accounting).total
    for key, usage in found.models:
        total = shown(usage, found.accounting).total
        table.add_row(Text(plain(key)), _int(usage.messages), *_share(total, whole))
    return table


def _active(found: Overview) -> Table:
    table = _table(f"Sessions active in the last {ACTIVE_MINUTES} minutes")
    table.expand = True
    for name in ("Session", "Project"):
        table.add_column(name, overflow="ellipsis", no_wrap=True, ratio=1)
    for name in ("Messages", "Tokens"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in found.active:
        total = _int(shown(each.usage, found.accounting).total)
        title = Text(plain(each.title or each.id))
        table.add_row(title, Text(plain(from_home(each.directory))), _int(each.usage.messages), total)
    return table


def _footnotes(found: Overview) -> Text:
    lines = []
    twice = overlap(found.totals)
    if twice and found.accounting == "recorded":
        lines.append(
            f"Totals are as OpenCode recorded them; {_int(twice)} of these tokens stand in two categories "
            "(--accounting disjoint leaves them out once)."
        )
    if found.newest is not None:
        lines.append(f"Newest message: {_age(found.now - found.newest)} ago.")
    return Text("\n".join(lines), style="dim")


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")


def _add_shares(table: Table) -> None:
    for name in ("Tokens", "Share"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", max_width=_BAR_COLUMNS)


def _share(number: int, whole: int) -> tuple[str, str, Bar]:
    share = number / whole if whole else 0.0
    return _int(number), f"{share:.1%}", Bar(1.0, 0.0, share, color="cyan")


def _int(number: int) -> str:
    return f"{number:,}"


def _counted(number: int, noun: str) -> str:
    return f"{_int(number)} {noun}{'' if number == 1 else 's'}"


def plain(text: str) -> str:
    """Control characters (escape sequences would reach the terminal) as the replacement character."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _age(age: timedelta) -> str:
    seconds = max(int(age.total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"

"""The overview as Rich tables. Text from storage is shown as it is, never as markup."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from otel_agent.ledger.queries import Usage
from otel_agent.report.overview import ACTIVE_MINUTES, Accounting, Overview, overlap, shown

_BAR: Final = 20
_CATEGORIES: Final = ("Input", "Output", "Reasoning", "Cache read", "Cache write", "Total")


def overview_table(found: Overview) -> RenderableType:
    parts: list[RenderableType] = [_totals(found), _models(found)]
    if found.active:
        parts.append(_active(found))
    parts.append(_footnotes(found))
    return Group(*parts)


def no_data(places: list[Path]) -> RenderableType:
    """What to say where nothing was ever counted."""
    looked = [Text(f"  {place}") for place in places]
    hint = Text("Use OpenCode once, or set XDG_DATA_HOME or OTEL_AGENT_DATA_DIRS if its data is elsewhere.")
    return Group(Text("No data available. Looked in:"), *looked, hint)


def _totals(found: Overview) -> Table:
    table = _table(f"Tokens {'today' if found.range.name == 'today' else 'of all time'}")
    for name in ("Messages", "Sessions", *_CATEGORIES, "Cost USD"):
        table.add_column(name, justify="right", no_wrap=True)
    usage = found.totals
    table.add_row(_int(usage.messages), _int(usage.sessions), *_tokens(usage, found.accounting), _cost(usage))
    return table


def _models(found: Overview) -> Table:
    table = _table("Models")
    table.add_column("Model", overflow="fold")
    for name in ("Messages", "Tokens", "Share"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, width=_BAR)
    whole = shown(found.totals, found.accounting).total
    for key, usage in found.models:
        share = shown(usage, found.accounting).total / whole if whole else 0.0
        total = _int(shown(usage, found.accounting).total)
        bar = Text("█" * round(share * _BAR), style="cyan")
        table.add_row(Text(_plain(key)), _int(usage.messages), total, f"{share:.1%}", bar)
    return table


def _active(found: Overview) -> Table:
    table = _table(f"Sessions active in the last {ACTIVE_MINUTES} minutes")
    table.add_column("Session", overflow="ellipsis", no_wrap=True)
    table.add_column("Project", overflow="ellipsis", no_wrap=True)
    for name in ("Messages", "Tokens"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in found.active:
        total = _int(shown(each.usage, found.accounting).total)
        title = Text(_plain(each.title or each.id))
        table.add_row(title, Text(_home(_plain(each.directory))), _int(each.usage.messages), total)
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


def _tokens(usage: Usage, accounting: Accounting) -> list[str]:
    tokens = shown(usage, accounting)
    return [_int(number) for number in (*tokens.each(), tokens.total)]


def _int(number: int) -> str:
    return f"{number:,}"


def _cost(usage: Usage) -> str:
    return f"{usage.cost_nusd / 1e9:,.4f}"


def _plain(text: str) -> str:
    """Control characters (escape sequences would reach the terminal) as the replacement character."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _home(directory: str) -> str:
    home = str(Path.home())
    return f"~{directory[len(home) :]}" if directory == home or directory.startswith(f"{home}/") else directory


def _age(age: timedelta) -> str:
    seconds = max(int(age.total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"

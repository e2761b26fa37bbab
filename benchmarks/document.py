"""Writes the figures of `make bench` as a document: tables for a person, from the values that were measured."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from benchmarks.measure import Figure
from benchmarks.pairs import FIRST, LATER, STARTS, TODAY, VIEWS, Compared, Row
from benchmarks.peer import NAME, VERSION
from benchmarks.running_agent import Resident

_STORES: Final = {"tree": "JSON tree", "sqlite": "SQLite", "2.x": "SQLite of 2.x"}


class Sent(Struct, frozen=True):
    """`run --once` that counts a whole history and sends all its spans and totals."""

    store: str
    messages: int
    figure: Figure
    encoding: float
    """The share of the CPU time that the SDK's exporters spend on encoding."""


class Results(Struct, frozen=True):
    """Everything that was measured, on which machine and how."""

    date: str
    agent: str
    """The agent's version."""
    machine: str
    runs: int
    cold: bool
    compared: list[Compared] = []
    sent: list[Sent] = []
    resident: list[Resident] = []


def document(results: Results) -> str:
    """Return the document, in Markdown."""
    parts = [
        _head(results),
        _short(results.compared),
        *(_compared(each) for each in results.compared),
        _flat(results.compared),
        _sent(results.sent),
        _resident(results.resident),
        _how(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(results: Results) -> str:
    pages = (
        "Before each first look, the machine's page cache was emptied."
        if results.cold
        else "The store's pages are in memory, as they are on a machine that works with OpenCode."
    )
    return (
        "# Benchmarks\n\n"
        "`make bench` measures the commands that a person waits for, in turn with ccusage, the fastest other program.\n"
        f"That is a native binary ({VERSION}), which adds up the whole history at each start. `make bench` wrote this file.\n\n"
        f"- {results.date}, otel-agent {results.agent}\n"
        f"- {results.machine}\n"
        f"- {_counted(results.runs, 'run')} of each command, in turn: medians. A ratio is the median over the pairs.\n"
        f"- {pages}\n"
        "- The memory of a first look is that of all its processes; pages that they share count once (PSS).\n"
        "- The history is made up: sessions of about 25 calls in turns of four to six, 40 projects, four models, now and then\n"
        "  a sub-agent. It is the same each time. Rows of 2.x hold the answers themselves, here 2,400 bytes on average.\n"
        "- Both programs found the same tokens of each category and the same cost; otherwise nothing would have been written."
    )


def _short(compared: Sequence[Compared]) -> str:
    """Return one line for each store: what README.md quotes."""
    heads = ("", "first look", "ccusage", "ratio", "slowest later look", "ratio", "memory", "ccusage")
    lines = []
    for each in compared:
        first = next(row for row in each.rows if row.name == FIRST)
        later = max((row for row in each.rows if row.name in LATER), key=lambda row: row.figure.wall_s)
        theirs = ("", "") if each.peer is None else (f"{each.peer.wall_s:.2f} s", _mb(each.peer_peak_mb))
        cells = (
            f"{_STORES[each.store]}, {each.messages:,} messages",
            f"{first.figure.wall_s:.2f} s",
            theirs[0],
            _ratio(first),
            f"{later.figure.wall_s:.2f} s",
            _ratio(later),
            _mb(_peak(first, each)),
            theirs[1],
        )
        lines.append(_cells(*cells))
    return f"## In short\n\n{_table(heads, lines)}"


def _compared(of: Compared) -> str:
    title = f"## {_STORES[of.store]}, {of.messages:,} messages"
    lines = [_line(row, of) for row in of.rows]
    if of.peer is not None:
        lines.append(
            _cells(f"`{NAME}`", f"{of.peer.wall_s:.2f} s", f"{of.peer.cpu_s:.2f} s", _mb(of.peer_peak_mb), "1")
        )
    totals = f"otel-agent counted {of.total_tokens:,} tokens and {of.cost_usd:,.2f} USD"
    if of.peer is not None:
        totals += f", ccusage {of.peer_tokens:,} tokens and {of.peer_cost_usd:,.2f} USD"
    table = _table(("", "time", "CPU", "peak memory", "of ccusage"), lines)
    return f"{title}\n\n{table}\n\n{totals}."


def _line(row: Row, of: Compared) -> str:
    figure = row.figure
    times = f"{figure.wall_s:.2f} s", f"{figure.cpu_s:.2f} s"
    return _cells(_name(row.name), *times, _mb(_peak(row, of)), _ratio(row))


def _peak(row: Row, of: Compared) -> float:
    """Return the memory of a command, for a first look with that of its helper processes."""
    return max(of.first_peak_mb, row.figure.peak_mb) if row.name == FIRST else row.figure.peak_mb


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f}"


def _name(name: str) -> str:
    if name in STARTS:
        return f"`otel-agent {name}`"
    if name == TODAY:
        return "`summary` of today, nothing new"
    if name == FIRST:
        return "first look: `summary models --range all`"
    return f"{name}: `--range all`"


def _flat(compared: Sequence[Compared]) -> str:
    """Return how later looks grow with the history."""
    by_size = sorted((each for each in compared if each.store == "sqlite"), key=lambda each: each.messages)
    if len(by_size) < 2:
        return ""
    heads = ("later look, SQLite", *(f"{each.messages:,}" for each in by_size), "last by the one before")
    lines = []
    for view, name in zip(VIEWS, LATER, strict=True):
        walls = [_wall(each, name) for each in by_size]
        lines.append(_cells(view, *(f"{wall:.2f} s" for wall in walls), f"{walls[-1] / walls[-2]:.2f}"))
    return f"## Later looks at longer histories\n\n{_table(heads, lines)}"


def _wall(of: Compared, name: str) -> float:
    return next(row.figure.wall_s for row in of.rows if row.name == name)


def _sent(sent: Sequence[Sent]) -> str:
    if not sent:
        return ""
    lines = [
        _cells(
            f"{_STORES[each.store]}, {each.messages:,} messages",
            f"{each.figure.wall_s:.1f} s",
            f"{each.figure.cpu_s:.1f} s",
            _mb(each.figure.peak_mb),
            f"{each.encoding:.0%}",
        )
        for each in sent
    ]
    table = _table(("`run --once`, spans and totals sent", "time", "CPU", "peak memory", "SDK's encoding"), lines)
    return (
        f"## Everything sent\n\n{table}\n\n"
        "The last column is the share of the CPU time in which the SDK's exporters make protobuf messages (`benchmarks/encoding.py`)."
    )


def _resident(resident: Sequence[Resident]) -> str:
    if not resident:
        return ""
    heads = ("", *(f"{_STORES[each.store]}, {each.messages:,}" for each in resident))
    rows = {
        "at rest: share of a core": [f"{each.share:.2%}" for each in resident],
        "at rest: memory": [_mb(each.memory_mb) for each in resident],
        "at rest: written to the disk": [f"{each.written_bytes:,} bytes in {each.seconds:.0f} s" for each in resident],
        "CPU of a message that comes alone": [f"{each.cpu_ms:.1f} ms" for each in resident],
        "completed to ledger, median": [f"{each.latency.median_s:.2f} s" for each in resident],
        "completed to ledger, 99th percentile": [f"{each.latency.p99_s:.2f} s" for each in resident],
        "a burst of 5,000 messages in the ledger after": [f"{each.burst_s:.2f} s" for each in resident],
        "`summary --live` at rest: share of a core": [f"{each.live.share:.2%}" for each in resident],
        "`summary --live`: change of tab": [f"{each.live.tab_s:.2f} s" for each in resident],
    }
    table = _table(heads, [_cells(name, *cells) for name, cells in rows.items()])
    return f"## The resident agent and the live screen\n\n{table}"


def _how(results: Results) -> str:
    sizes = " ".join(str(size) for size in dict.fromkeys(each.messages for each in results.compared))
    return (
        "## How to repeat it\n\n"
        f'    make bench ARGS="--messages {sizes or 10_000} --runs {results.runs} --write docs/benchmarks.md"\n\n'
        "It needs npm for ccusage, and some gigabytes in the folder for temporary files. `make bench ARGS=--help` lists its options."
    )


def _table(heads: Sequence[str], lines: Sequence[str]) -> str:
    return "\n".join([_cells(*heads), _cells(*("---" for _ in heads)), *lines])


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _mb(megabytes: float) -> str:
    return f"{megabytes:.0f} MB"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"

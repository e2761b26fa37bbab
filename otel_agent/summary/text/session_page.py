"""One session as lines of text: its turns, and their calls below them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from otel_agent.model import Outcome
from otel_agent.model.plural import counted
from otel_agent.summary.question import Accounting
from otel_agent.summary.session_detail import CallRow, SessionDetail, TurnRow
from otel_agent.summary.text import words
from otel_agent.summary.text.column import place
from otel_agent.summary.view import shown

_TITLES: Final = ("Began", "Took", "Outcome", "Models", "Tools", "Tokens", "USD", "Model")
_LEFT: Final = ("Began", "Outcome", "Model")
UNKNOWN: Final = "?"
"""Tool calls of messages from before the ledger, which nobody read yet."""


def session_lines(of: SessionDetail, accounting: Accounting, now: datetime, *, with_calls: bool) -> Iterator[str]:
    """Yield the lines: what the session is, a line for each turn, and what is not in them."""
    yield f"{words.plain(of.title) or '(no title)'}  {words.plain(of.id)}  {place(of.project, of.directory)}".rstrip()
    if of.parent:
        yield f"sub-agent of {words.plain(of.parent)}"
    yield from _checked_out(of)
    table = [_TITLES, *(_cells(turn, accounting, now) for turn in of.turns)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for index, line in enumerate(table):
        yield _aligned(line, widths)
        if with_calls and index:
            yield from (_call_line(call, accounting) for call in of.turns[index - 1].calls)
    yield f"{counted(len(of.turns), 'turn')}, {words.tokens(shown(of.usage, accounting))}, {words.dollars(of.usage.cost_nusd)} USD"
    if beside := shown(of.beside, accounting).total:
        yield f"{counted(beside, 'token')} of them in OpenCode's totals of the session only: titles, and calls whose record is gone."
    if any(turn.tool_calls is None for turn in of.turns):
        yield f"{UNKNOWN}: nobody read the tool calls of this turn yet. `otel-agent summary tools` reads them."


def _checked_out(of: SessionDetail) -> Iterator[str]:
    """Yield the git repository and the branches of the turns, if they were asked for and are known."""
    names = list(dict.fromkeys(turn.branch for turn in of.turns if turn.branch))
    branches = f"{'branch' if len(names) == 1 else 'branches'} {', '.join(names)}" if names else ""
    known = [f"repository {of.repository}" if of.repository else "", branches]
    if any(known):
        yield f"git: {words.plain(', '.join(filter(None, known)))}"


def _took(seconds: float | None) -> str:
    return words.took_ms(None if seconds is None else round(seconds * 1_000))


def _cells(turn: TurnRow, accounting: Accounting, now: datetime) -> tuple[str, ...]:
    failed = f" ({turn.failed_tool_calls} failed)" if turn.failed_tool_calls else ""
    return (
        words.moment(turn.since, now),
        _took(turn.seconds),
        _outcome(turn.outcome, turn.error),
        words.exact(turn.model_calls),
        UNKNOWN if turn.tool_calls is None else f"{words.exact(turn.tool_calls)}{failed}",
        words.exact(shown(turn.usage, accounting).total),
        words.dollars(turn.usage.cost_nusd),
        words.plain(", ".join(turn.models)) or words.NOTHING,
    )


def _call_line(call: CallRow, accounting: Accounting) -> str:
    when = f"{call.since:%H:%M:%S}" if call.since else " " * 8
    tokens = f"  {words.tokens(shown(call.usage, accounting))}" if call.kind == "model" else ""
    name = words.plain(call.name) or ("(asked no model)" if call.kind == "other" else "(unknown)")
    mark = "└ " if call.kind == "tool" else ""
    below = f"  → {words.plain(call.session)}" if call.session else ""
    return f"    {when}  {mark}{name}  {_took(call.seconds)}  {_outcome(call.outcome, call.error)}{tokens}{below}"


def _outcome(outcome: Outcome, error: str) -> str:
    return outcome.value if outcome is Outcome.OK or not error else f"{outcome.value}: {words.plain(error)}"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        text.ljust(width) if title in _LEFT else text.rjust(width)
        for text, width, title in zip(line, widths, _TITLES, strict=True)
    )
    return "  ".join(padded).rstrip()

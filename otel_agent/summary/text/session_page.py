"""One session as lines of text: its turns, and their calls below them."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Final

from rich.cells import cell_len

from otel_agent.model import Outcome
from otel_agent.model.plural import counted
from otel_agent.summary.question import Accounting
from otel_agent.summary.session_detail import CallRow, SessionDetail, TurnRow
from otel_agent.summary.text import words
from otel_agent.summary.text.column import place
from otel_agent.summary.text.listed import Listed, listed_lines
from otel_agent.summary.text.widths import beginning_of, end_of_place
from otel_agent.summary.view import shown

MODEL_CALLS: Final = "Model calls"
TOOL_CALLS: Final = "Tool calls"
"""The titles of the columns with the numbers of calls, here and on the live screen."""
_INDENT: Final = "    "
"""Before the calls of a turn."""
UNKNOWN: Final = "?"
"""Tool calls of messages from before the ledger, which nobody read yet."""


def session_lines(
    of: SessionDetail, accounting: Accounting, now: datetime, *, with_calls: bool, width: int | None = None
) -> Iterator[str]:
    """Yield the lines: what the session is, a line for each turn, and what is not in them.

    Tables and names are cut to ``width``. Sentences are not: whoever prints them breaks them between words.
    """
    yield from _head(of, width)
    if of.parent:
        yield f"sub-agent of {words.plain(of.parent)}"
    yield from _checked_out(of)
    titles, *turns = listed_lines(_turn_columns(of, accounting, now), width)
    calls = _call_lines(of, accounting, width) if with_calls else iter(())
    yield titles
    for line, turn in zip(turns, of.turns, strict=True):
        yield line
        yield from islice(calls, len(turn.calls))
    yield f"{counted(len(of.turns), 'turn')}, {words.tokens_and_cost(shown(of.usage, accounting), of.usage.cost_nusd)}"
    if beside := shown(of.beside, accounting).total:
        yield f"{counted(beside, 'token')} of them in OpenCode's totals of the session only: titles, and calls whose record is gone."
    if any(turn.tool_calls is None for turn in of.turns):
        yield f"{UNKNOWN}: nobody read the tool calls of this turn yet. `otel-agent summary tools` reads them."


def _head(of: SessionDetail, width: int | None) -> Iterator[str]:
    """Yield title, id and project: in one line, or in one each if there is no room."""
    title, key, project = words.plain(of.title) or "(no title)", words.plain(of.id), place(of.project, of.directory)
    line = "  ".join(filter(None, (title, key, project)))
    if width is None or cell_len(line) <= width:
        yield line
        return
    yield beginning_of(title, width).rstrip()
    yield key
    if project:
        yield end_of_place(project, width)


def _checked_out(of: SessionDetail) -> Iterator[str]:
    """Yield the git repository and the branches of the turns, if they were asked for and are known."""
    names = list(dict.fromkeys(turn.branch for turn in of.turns if turn.branch))
    branches = f"{'branch' if len(names) == 1 else 'branches'} {', '.join(names)}" if names else ""
    known = [f"repository {of.repository}" if of.repository else "", branches]
    if any(known):
        yield f"git: {words.plain(', '.join(filter(None, known)))}"


def _took(seconds: float | None) -> str:
    return words.took_ms(None if seconds is None else round(seconds * 1_000))


def _turn_columns(of: SessionDetail, accounting: Accounting, now: datetime) -> list[Listed]:
    turns = of.turns
    costs = [words.dollars(turn.usage.cost_nusd, of.usage.cost_nusd) for turn in turns]
    return [
        Listed("Began", [words.moment(turn.since, now) for turn in turns], whole=True),
        Listed("Took", [_took(turn.seconds) for turn in turns], "number"),
        Listed("Outcome", [_outcome(turn.outcome, turn.error) for turn in turns]),
        Listed(MODEL_CALLS, [words.exact(turn.model_calls) for turn in turns], "number", optional=4),
        Listed(TOOL_CALLS, list(map(_tool_calls, turns)), "number", optional=3),
        Listed("Tokens", [words.exact(shown(turn.usage, accounting).total) for turn in turns], "number"),
        *([Listed("USD", costs, "number", optional=2)] if of.usage.cost_nusd else []),
        Listed("Model", [words.plain(", ".join(turn.models)) or words.NOTHING for turn in turns], optional=1),
    ]


def _tool_calls(turn: TurnRow) -> str:
    failed = f" ({turn.failed_tool_calls} failed)" if turn.failed_tool_calls else ""
    return UNKNOWN if turn.tool_calls is None else f"{words.exact(turn.tool_calls)}{failed}"


def _call_lines(of: SessionDetail, accounting: Accounting, width: int | None) -> Iterator[str]:
    """Yield the lines of the calls of all turns, below each other."""
    calls = [call for turn in of.turns for call in turn.calls]
    sub_agents = [f"→ {words.plain(call.session)}" if call.session else "" for call in calls]
    columns = [
        Listed("", [f"{call.since:%H:%M:%S}" if call.since else "" for call in calls], whole=True),
        Listed("", list(map(_name, calls)), narrowest=20),
        Listed("", [_took(call.seconds) for call in calls], "number"),
        Listed("", [_outcome(call.outcome, call.error) for call in calls], narrowest=10),
        Listed("", [_tokens(call, accounting) for call in calls], "number"),
        *([Listed("", sub_agents, optional=1)] if any(sub_agents) else []),
    ]
    lines = islice(listed_lines(columns, None if width is None else width - len(_INDENT)), 1, None)
    return (_INDENT + line for line in lines)


def _name(call: CallRow) -> str:
    name = words.plain(call.name) or ("(asked no model)" if call.kind == "other" else "(unknown)")
    return f"└ {name}" if call.kind == "tool" else name


def _tokens(call: CallRow, accounting: Accounting) -> str:
    return words.tokens(shown(call.usage, accounting)) if call.kind == "model" else ""


def _outcome(outcome: Outcome, error: str) -> str:
    return outcome.value if outcome is Outcome.OK or not error else f"{outcome.value}: {words.plain(error)}"

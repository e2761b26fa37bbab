"""What a session consists of, as cells: its turns, and the calls of a turn."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from rich.text import Text

from otel_agent.model import Outcome
from otel_agent.model.plural import counted
from otel_agent.summary.question import Accounting
from otel_agent.summary.session_detail import CallRow, SessionDetail, TurnRow
from otel_agent.summary.text import words
from otel_agent.summary.text.session_page import MODEL_CALLS, TOOL_CALLS, UNKNOWN
from otel_agent.summary.view import shown

_COST: Final = "USD"
TURN_TITLES: Final = ("Began", "Took", "Outcome", "Tokens", MODEL_CALLS, TOOL_CALLS, _COST, "Model", "Agent")
CALL_TITLES: Final = ("Began", "Took", "Kind", "Outcome", "Tokens", "Name", "Agent")
"""On a narrow screen the last columns are cut, so names come after the numbers."""
NUMBERS: Final = frozenset({"Took", "Tokens", MODEL_CALLS, TOOL_CALLS, _COST})
"""Columns that are aligned on the right."""
_ERROR: Final = "red"


def turn_titles(of: SessionDetail) -> tuple[str, ...]:
    """Return the titles of the turns of a session: those of ``TURN_TITLES``, without the cost if none was recorded."""
    return tuple(title for title in TURN_TITLES if title != _COST or of.usage.cost_nusd)


def turn_cells(turn: TurnRow, of: SessionDetail, accounting: Accounting, now: datetime) -> tuple[Text, ...]:
    """Return the cells of a turn of a session, under ``turn_titles``."""
    cells = dict(zip(TURN_TITLES, _turn_cells(turn, of.usage.cost_nusd, accounting, now), strict=True))
    return tuple(cells[title] for title in turn_titles(of))


def _turn_cells(turn: TurnRow, whole_nusd: int, accounting: Accounting, now: datetime) -> tuple[Text, ...]:
    failed = f" ({turn.failed_tool_calls} failed)" if turn.failed_tool_calls else ""
    return (
        Text(words.moment(turn.since, now)),
        _right(_took(turn.seconds)),
        _outcome(turn.outcome, turn.error),
        _right(words.exact(shown(turn.usage, accounting).total)),
        _right(words.exact(turn.model_calls)),
        _right(UNKNOWN if turn.tool_calls is None else f"{words.exact(turn.tool_calls)}{failed}"),
        _right(words.dollars(turn.usage.cost_nusd, whole_nusd)),
        Text(words.plain(", ".join(turn.models)) or words.NOTHING),
        Text(words.plain(", ".join(turn.agents))),
    )


def call_cells(call: CallRow, accounting: Accounting) -> tuple[Text, ...]:
    """Return the cells of a call, under ``CALL_TITLES``."""
    name = words.plain(call.name) or ("(asked no model)" if call.kind == "other" else "(unknown)")
    return (
        Text(f"{call.since:%H:%M:%S}" if call.since else words.NOTHING),
        _right(_took(call.seconds)),
        Text(call.kind, style="" if call.kind == "model" else "dim"),
        _outcome(call.outcome, call.error),
        _right(words.exact(shown(call.usage, accounting).total) if call.kind == "model" else ""),
        Text(name if call.kind == "model" else f"  {name}{_below(call)}"),
        Text(words.plain(call.agent)),
    )


def _below(call: CallRow) -> str:
    """Return the session that Enter on a call goes down to."""
    return f" → {words.plain(call.session_title or call.session)}" if call.session else ""


def session_sentences(of: SessionDetail, accounting: Accounting) -> Iterator[str]:
    """Yield what the turns add up to, and what is not in them."""
    total = shown(of.usage, accounting)
    yield f"{counted(len(of.turns), 'turn')}, {counted(of.usage.messages, 'message')}, {words.tokens(total)}"
    if beside := shown(of.beside, accounting).total:
        yield f"{counted(beside, 'token')} of them in OpenCode's totals of the session only: titles, and calls whose record is gone."
    if any(turn.tool_calls is None for turn in of.turns):
        yield f"{UNKNOWN}: nobody read the tool calls of this turn yet. `otel-agent summary tools` reads them."


def _outcome(outcome: Outcome, error: str) -> Text:
    return Text(f"{outcome.value}: {words.plain(error)}" if error else outcome.value, style=_style(outcome))


def _style(outcome: Outcome) -> str:
    return "" if outcome is Outcome.OK else _ERROR if outcome is Outcome.ERROR else "yellow"


def _right(text: str) -> Text:
    return Text(text, justify="right")


def _took(seconds: float | None) -> str:
    return words.took_ms(None if seconds is None else round(seconds * 1_000))

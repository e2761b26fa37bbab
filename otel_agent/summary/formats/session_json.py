"""One session as JSON: its turns, and their calls. Fields may be added at any time."""

import json
from datetime import datetime
from typing import Any

from otel_agent.ledger.answers import Usage
from otel_agent.summary.formats.json_objects import SCHEMA_VERSION
from otel_agent.summary.question import Accounting
from otel_agent.summary.session_detail import CallRow, SessionDetail, TurnRow
from otel_agent.summary.view import shown


def session_json(of: SessionDetail, accounting: Accounting) -> str:
    """Return the object as ASCII text, so that control characters of a title cannot reach a terminal."""
    whole = {
        "schema_version": SCHEMA_VERSION,
        "session": of.id,
        "title": of.title,
        "parent": of.parent or None,
        "project": of.project,
        "directory": of.directory or None,
        **({} if of.repository is None else {"repository": of.repository or None}),
        "accounting": accounting,
        **_usage(of.usage, accounting),
        "unattributed": _usage(of.beside, accounting),
        "turns": [turn_object(turn, accounting) for turn in of.turns],
    }
    return json.dumps(whole, indent=2, allow_nan=False)


def turn_object(turn: TurnRow, accounting: Accounting) -> dict[str, Any]:
    """Return the object of one turn with its calls."""
    return {
        "turn": turn.key,
        "from": _time(turn.since),
        "to": _time(turn.until),
        "seconds": turn.seconds,
        "outcome": turn.outcome.value,
        "error": turn.error or None,
        "models": list(turn.models),
        "agents": list(turn.agents),
        **({} if turn.branch is None else {"branch": turn.branch or None}),
        "model_calls": turn.model_calls,
        "tool_calls": turn.tool_calls,
        "failed_tool_calls": None if turn.tool_calls is None else turn.failed_tool_calls,
        **_usage(turn.usage, accounting),
        "calls": [_call(call, accounting) for call in turn.calls],
    }


def _call(call: CallRow, accounting: Accounting) -> dict[str, Any]:
    of_model = {
        "error": call.error or None,
        "finish": call.finish or None,
        **_usage(call.usage, accounting),
    }
    return {
        "kind": call.kind,
        "name": call.name,
        "outcome": call.outcome.value,
        "from": _time(call.since),
        "to": _time(call.until),
        "seconds": call.seconds,
        "message": call.message,
        "agent": call.agent,
        **({"session": call.session or None} if call.kind == "tool" else of_model),
    }


def _usage(usage: Usage, accounting: Accounting) -> dict[str, Any]:
    tokens = shown(usage, accounting)
    names = ("input", "output", "reasoning", "cache_read", "cache_write")
    by_category = dict(zip(names, tokens.by_category(), strict=True))
    return {
        "messages": usage.messages,
        "tokens": {**by_category, "total": tokens.total},
        "cost_usd": usage.cost_nusd / 1e9,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None

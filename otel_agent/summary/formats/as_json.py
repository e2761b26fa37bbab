"""JSON, of the form of ``docs/summary.schema.json``. ``schema_version`` changes when a field changes its meaning or goes
away; fields may be added."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from otel_agent.ledger.answers import Usage
from otel_agent.summary.text.columns import total_of
from otel_agent.summary.view import (
    Accounting,
    AgentRow,
    Overview,
    PeriodRow,
    Process,
    ProjectRow,
    Row,
    SessionRow,
    View,
    cache_hit_ratio,
    overlap,
    shown,
)

SCHEMA_VERSION: Final = 1


def as_json(views: Sequence[View[Any]]) -> str:
    """One view as itself, several in a list. ASCII only: a title's control characters do nothing to a terminal."""
    documents = [document(view) for view in views]
    whole = documents[0] if len(documents) == 1 else {"schema_version": SCHEMA_VERSION, "views": documents}
    return json.dumps(whole, indent=2, allow_nan=False) + "\n"


def document(view: View[Any]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "view": view.name,
        "range": {
            "name": view.range.name,
            "from": _time(view.range.since),
            "to": _time(view.range.until),
            "tz": view.range.zone,
        },
        "accounting": view.accounting,
        "totals": usage(view.totals, view.accounting),
        "rows": [row(each, view) for each in view.rows],
        "cut": None if view.cut is None else {"rows": view.cut.rows, **usage(view.cut.usage, view.accounting)},
        "overlap_tokens": overlap(view.totals) if view.accounting == "recorded" else 0,
        "newest": _time(view.newest),
        "warnings": list(view.warnings),
        "hints": list(view.hints),
        **(_overview(view) if isinstance(view, Overview) else {}),
    }


def row(of: Row, view: View[Any]) -> dict[str, Any]:
    """A row with all that its kind tells."""
    return {"key": of.key, **_facts(of, view), **usage(of.usage, view.accounting)}


def usage(of: Usage, accounting: Accounting) -> dict[str, Any]:
    tokens = shown(of, accounting)
    return {
        "messages": of.messages,
        "sessions": of.sessions,
        "tokens": {
            "input": tokens.input,
            "output": tokens.output,
            "reasoning": tokens.reasoning,
            "cache_read": tokens.cache_read,
            "cache_write": tokens.cache_write,
            "total": tokens.total,
        },
        "cost_usd": of.cost_nusd / 1e9,
    }


def _facts(of: Row, view: View[Any]) -> dict[str, Any]:
    match of:
        case SessionRow():
            return {
                "title": of.title,
                "project": of.project,
                "parent": of.parent or None,
                "first": _time(of.first),
                "last": _time(of.last),
                "with_subagents": usage(of.with_subagents, view.accounting),
            }
        case ProjectRow():
            return {"first": _time(of.first), "last": _time(of.last)}
        case AgentRow():
            average = total_of(view, of.usage) / of.usage.messages if of.usage.messages else 0.0
            return {"average_tokens": round(average, 3), "configured_model": of.configured or None}
        case PeriodRow():
            return {"from": _time(of.since), "to": _time(of.until)}
        case _:
            whole = total_of(view, view.totals)
            part = total_of(view, of.usage) / whole if whole else 0.0
            ratio = cache_hit_ratio(of.usage)
            return {"share": round(part, 6), "cache_hit_ratio": None if ratio is None else round(ratio, 6)}


def _overview(view: Overview) -> dict[str, Any]:
    return {
        "active_sessions": [row(each, view) for each in view.active],
        "processes": [_process(each, view) for each in view.processes],
    }


def _process(of: Process, view: Overview) -> dict[str, Any]:
    sample = of.sample
    return {
        "pid": sample.pid,
        "mode": sample.mode.value,
        "cpu": round(of.cpu, 6),
        "memory_bytes": sample.rss_bytes,
        "started": _time(datetime.fromtimestamp(sample.created_s, view.now.tzinfo)),
        "uptime_seconds": max(round(view.now.timestamp() - sample.created_s), 0),
        "directory": sample.directory or None,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None

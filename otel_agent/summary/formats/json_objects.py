"""The objects of the JSON that ``docs/summary.schema.json`` describes: of a view, of its rows, and of what is beside them.

``schema_version`` changes when a field goes away or changes its meaning; fields may be added at any time.
"""

from datetime import datetime
from typing import Any, Final

from otel_agent.ledger.answers import NO_USAGE, Usage
from otel_agent.ledger.reading import reading_keys
from otel_agent.summary.prices import NO_EQUIVALENT, PARTS_OF_A_DOLLAR, Equivalent, Equivalents
from otel_agent.summary.question import Accounting
from otel_agent.summary.view import (
    Activity,
    AgentRow,
    Before,
    BudgetState,
    LoopSeen,
    PeriodRow,
    Process,
    ProjectRow,
    Row,
    SessionRow,
    ToolCalls,
    ToolRow,
    View,
    cache_hit_ratio,
    overlap,
    shown,
)

SCHEMA_VERSION: Final = 1


def document(view: View) -> dict[str, Any]:
    """Return the object of one view, with all its rows."""
    return document_without_rows(view) | {"rows": [row_object(row, view) for row in view.rows]}


def document_without_rows(view: View) -> dict[str, Any]:
    """Return the object of one view, with nothing in the place of its rows."""
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
        "filters": {f"{kind}s": list(globs) for kind, globs in view.question.filters.by_kind.items()},
        "sort": view.question.sort,
        **({"by": view.question.by} if view.name == "timeline" else {}),
        "generated_at": _time(view.now),
        "totals": {
            **_usage(view.totals, view.accounting),
            **({} if view.equivalents is None else _equivalent(view.equivalents.total)),
        },
        **({} if view.equivalents is None else {"prices": _prices(view.equivalents)}),
        **({} if view.tools is None else {"tools": _tools(view.tools, view)}),
        **({} if view.before is None else {"before": _before(view.before, view.accounting)}),
        "rows": None,
        "cut": None if view.cut is None else {"rows": view.cut.rows, **_usage(view.cut.usage, view.accounting)},
        "overlap_tokens": overlap(view.totals) if view.accounting == "recorded" else 0,
        "unattributed": _usage(view.unattributed, view.accounting),
        "newest": _time(view.newest),
        **reading_keys(view.reading, stopped=view.reading_stopped),
        "warnings": list(view.warnings),
        "hints": list(view.hints),
        **(_activity(view, view.activity) if view.activity else {}),
    }


def row_object(row: Row, view: View, *, active: bool = False) -> dict[str, Any]:
    """Return the object of one row, with the facts of its kind. ``active`` says that it is not one of the view's rows."""
    then = {} if view.before is None else {"before": _usage(view.before.usage.get(row.key, NO_USAGE), view.accounting)}
    equivalent: dict[str, Any] = {}
    if view.equivalents is not None:
        found = view.equivalents.active if active else view.equivalents.rows
        equivalent = _equivalent(found.get(row.key, NO_EQUIVALENT))
    usage = _usage(row.usage, view.accounting)
    return {
        "key": row.key,
        **_facts(row, usage, view),
        **usage,
        **equivalent,
        **then,
        **_checked_out(row, view),
    }


def _equivalent(of: Equivalent) -> dict[str, Any]:
    """Return an amount by a person's prices, ``null`` if no token has a price, and the tokens that are missing in it."""
    is_known = of.is_any or not of.tokens
    return {
        "api_equivalent_usd": of.amount / PARTS_OF_A_DOLLAR if is_known else None,
        "tokens_without_price": of.tokens,
    }


def _prices(of: Equivalents) -> dict[str, Any]:
    without = [{"model": model, "tokens": tokens} for model, tokens in of.without_price.items()]
    return {"file": of.file, "without_price": without}


def _before(before: Before, accounting: Accounting) -> dict[str, Any]:
    return {"from": _time(before.range.since), "to": _time(before.range.until), **_usage(before.totals, accounting)}


def _usage(usage: Usage, accounting: Accounting) -> dict[str, Any]:
    tokens = shown(usage, accounting)
    return {
        "messages": usage.messages,
        "sessions": usage.sessions,
        "tokens": {
            "input": tokens.input,
            "output": tokens.output,
            "reasoning": tokens.reasoning,
            "cache_read": tokens.cache_read,
            "cache_write": tokens.cache_write,
            "total": tokens.total,
        },
        "cost_usd": usage.cost_nusd / 1e9,
    }


def _facts(row: Row, usage: dict[str, Any], view: View) -> dict[str, Any]:
    """Return what a row has beside its usage, whose object is ``usage``."""
    match row:
        case SessionRow():
            # Most sessions started no other one.
            alone = row.with_subagents is row.usage
            return {
                "title": row.title,
                "project": row.project,
                "directory": row.directory or None,
                "parent": row.parent or None,
                "first": _time(row.first),
                "last": _time(row.last),
                "with_subagents": usage if alone else _usage(row.with_subagents, view.accounting),
            }
        case ProjectRow():
            return {"directory": row.directory or None, "first": _time(row.first), "last": _time(row.last)}
        case AgentRow():
            average = view.total_of(row.usage) / row.usage.messages if row.usage.messages else 0.0
            return {"average_tokens": round(average, 3), "configured_model": row.configured or None}
        case ToolRow():
            return _tool(row)
        case PeriodRow():
            return {"from": _time(row.since), "to": _time(row.until)}
        case _:
            # A plain row is a model.
            whole = view.total_of(view.totals)
            part = view.total_of(row.usage) / whole if whole else 0.0
            ratio = cache_hit_ratio(row.usage)
            return {"share": round(part, 6), "cache_hit_ratio": None if ratio is None else round(ratio, 6)}


def _checked_out(row: Row, view: View) -> dict[str, Any]:
    if not view.has_checkouts or not isinstance(row, SessionRow):
        return {}
    return {"repository": row.repository or None, "branches": list(row.branches)}


def _tool(row: ToolRow) -> dict[str, Any]:
    return {
        "server": row.server or None,
        "server_known_by": row.server_known_by or None,
        "calls": row.calls,
        "failed": row.failed,
        "failed_share": round(row.failed_share, 6),
        "aborted": row.aborted,
        "timed": row.timed,
        "p50_seconds": None if row.p50_ms is None else row.p50_ms / 1_000,
        "p95_seconds": None if row.p95_ms is None else row.p95_ms / 1_000,
        "first": _time(row.first),
        "last": _time(row.last),
    }


def _tools(tools: ToolCalls, view: View) -> dict[str, Any]:
    known = tools.known
    since = None if known.since_ms is None else datetime.fromtimestamp(known.since_ms / 1_000, view.now.tzinfo)
    return {
        "calls": tools.calls,
        "failed": tools.failed,
        "failed_share": round(tools.failed / tools.calls, 6) if tools.calls else 0.0,
        "aborted": tools.aborted,
        "servers": [row_object(row, view) for row in tools.servers],
        "known": {
            "messages": known.messages,
            "since": _time(since),
            "messages_not_read": known.not_read,
            "messages_gone": known.gone,
        },
    }


def _activity(view: View, activity: Activity) -> dict[str, Any]:
    return {
        "active_sessions": [row_object(session, view, active=True) for session in activity.sessions],
        "processes": [_process(process, view) for process in activity.processes],
        "loops": [_loop(loop) for loop in view.loops],
        "budgets": [budget_object(budget) for budget in view.budgets],
    }


def _loop(loop: LoopSeen) -> dict[str, Any]:
    return {
        "session": loop.session,
        "title": loop.title,
        "kind": loop.kind.value,
        "tool": loop.tool or None,
        "calls": loop.calls,
        "from": _time(loop.since),
        "to": _time(loop.until),
    }


def budget_object(budget: BudgetState) -> dict[str, Any]:
    """Return the object of one budget, as it is in the JSON of an overview and in a notice."""
    unit = 10**9 if budget.of_cost else 1
    return {
        "name": budget.name,
        "per": budget.per,
        "unit": "cost_usd" if budget.of_cost else "tokens",
        "limit": budget.limit / unit if budget.of_cost else budget.limit,
        "used": budget.used / unit if budget.of_cost else budget.used,
        "left": budget.left / unit if budget.of_cost else budget.left,
        "passed": budget.is_passed,
        "until": _time(budget.until),
        "reached": _time(budget.reached),
    }


def _process(process: Process, view: View) -> dict[str, Any]:
    sample = process.sample
    return {
        "pid": sample.pid,
        "mode": sample.mode.value,
        "cpu": round(process.cpu, 6),
        "memory_bytes": sample.rss_bytes,
        "started": _time(datetime.fromtimestamp(sample.created_s, view.now.tzinfo)),
        "uptime_seconds": max(round(view.now.timestamp() - sample.created_s), 0),
        "directory": sample.directory or None,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None

"""The rows of the view of tools: calls, failures and times, by tool and by MCP server."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from otel_agent.ledger.answers import KnownCalls, Scope, ToolUse
from otel_agent.ledger.queries import Queries
from otel_agent.model.plural import counted
from otel_agent.opencode.mcp_servers import Server, Servers
from otel_agent.summary.question import Question
from otel_agent.summary.view import ToolCalls, ToolRow, shown


def tool_rows(
    ledger: Queries, scope: Scope, question: Question, servers: Servers, at: Callable[[int], datetime]
) -> tuple[list[ToolRow], ToolCalls]:
    """Return a row for each tool, and the sums. ``at`` returns a moment of milliseconds in the zone of the question."""
    tools = ledger.tools()
    by_tool = {tool: servers.of(tool) for tool in tools}
    rows = [_row(use, by_tool[use.name], at) for use in ledger.by_tool(scope, {tool: tool for tool in tools})]
    groups = {tool: server.name for tool, server in by_tool.items() if server.name}
    known_by = {server.name: server for server in by_tool.values()}
    of_servers = [_row(use, known_by[use.name], at) for use in ledger.by_tool(scope, groups)]
    sums = ToolCalls(
        calls=sum(row.calls for row in rows),
        failed=sum(row.failed for row in rows),
        aborted=sum(row.aborted for row in rows),
        servers=_in_order(of_servers, question),
        known=ledger.known_calls(scope),
    )
    return _in_order(rows, question), sums


def not_included(known: KnownCalls, now: datetime, *, agent_runs: bool) -> list[str]:
    """Return a sentence for each kind of messages whose calls are not in the view, with their number.

    ``now`` is in the zone of the times.
    """
    sentences = []
    if known.not_read:
        number = counted(known.not_read, "message")
        reads = "makes the running agent read them" if agent_runs else "reads them"
        what = f"{_known_since(known, now)}`otel-agent summary tools` {reads}."
        sentences.append(f"The tool calls of {number} are not included, because nobody read them yet. {what}")
    if known.gone:
        number = counted(known.gone, "message")
        sentences.append(f"The tool calls of {number} are not included, because OpenCode does not have them any more.")
    return sentences


def _known_since(known: KnownCalls, now: datetime) -> str:
    """Return of how many messages the calls are known, and since when; empty if of none."""
    if known.since_ms is None:
        return ""
    first = datetime.fromtimestamp(known.since_ms / 1_000, now.tzinfo)
    return f"They are known of {counted(known.messages, 'message')}, the first of {first:%Y-%m-%d %H:%M}. "


def _row(use: ToolUse, server: Server, at: Callable[[int], datetime]) -> ToolRow:
    return ToolRow(
        key=use.name,
        usage=use.usage,
        server=server.name,
        server_known_by=server.known_by,
        calls=use.calls,
        failed=use.failed,
        aborted=use.aborted,
        timed=use.timed,
        p50_ms=use.p50_ms,
        p95_ms=use.p95_ms,
        first=at(use.first_ms),
        last=at(use.last_ms),
    )


def _in_order(rows: Sequence[ToolRow], question: Question) -> list[ToolRow]:
    """Sort as the question asks; equal ones by name."""
    by_name = sorted(rows, key=lambda row: row.key)
    if question.sort == "name":
        return by_name
    return sorted(by_name, key=_order(question), reverse=question.sort != "first")


def _order(question: Question) -> Callable[[ToolRow], Any]:
    match question.sort:
        case "failed":
            return lambda row: row.failed
        case "time":
            return lambda row: -1 if row.p95_ms is None else row.p95_ms
        case "tokens":
            return lambda row: shown(row.usage, question.accounting).total
        case "messages":
            return lambda row: row.usage.messages
        case "cost":
            return lambda row: row.usage.cost_nusd
        case "last":
            return lambda row: row.last.timestamp()
        case "first":
            return lambda row: row.first.timestamp()
        case _:
            return lambda row: row.calls

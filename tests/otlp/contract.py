"""What the agent promises to dashboards: each metric with its kind, unit and attributes, and a store that raises all of them."""

from __future__ import annotations

import time
from typing import Literal, NamedTuple

from tests.support.made_stores import JsonTree, Tokens, message, session, tool
from tests.support.made_stores.json_tree import as_file

L = (
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.agent.name",
    "opencode.project.name",
    "opencode.agent.kind",
)

CALL = (*L, "gen_ai.operation.name")
USAGE = (*CALL, "gen_ai.token.modality")
AN_HOUR_AGO = time.time_ns() // 10**6 - 3_600_000
"""In milliseconds: within the window in which a session has series of its own."""
BUDGET = ("otel_agent.budget.name", "otel_agent.budget.window")
PROCESS = ("process.pid", "process.executable.name", "opencode.process.mode")


class Row(NamedTuple):
    kind: Literal["int", "float", "histogram", "gauge"]
    unit: str
    description: str
    attributes: tuple[str, ...]
    sometimes: tuple[str, ...] = ()


TABLE = {
    "opencode.token.usage": Row(
        "int",
        "{token}",
        "Tokens of completed assistant messages, as OpenCode recorded them.",
        (*L, "opencode.usage.source", "gen_ai.token.type"),
    ),
    "opencode.message.count": Row(
        "int", "{message}", "Completed assistant messages, each counted once.", (*L, "opencode.message.outcome")
    ),
    "opencode.cost.usage": Row(
        "float", "USD", "Cost of completed assistant messages, as OpenCode recorded it.", (*L, "opencode.usage.source")
    ),
    "opencode.session.count": Row(
        "int",
        "{session}",
        "Sessions with at least one completed assistant message.",
        ("opencode.project.name", "opencode.agent.kind"),
    ),
    "opencode.tool.call.count": Row(
        "int",
        "{call}",
        "Tool calls of completed assistant messages, each counted once.",
        ("gen_ai.tool.name", "opencode.tool.outcome", "opencode.project.name"),
    ),
    "opencode.lines_of_code.count": Row(
        "int",
        "{line}",
        "Lines that sessions added and removed, as OpenCode counted them.",
        ("type", "opencode.project.name"),
    ),
    "opencode.session.token.usage": Row(
        "int",
        "{token}",
        "Tokens by session, for the sessions active within a window.",
        (*L, "session.id", "opencode.usage.source", "gen_ai.token.type"),
    ),
    "opencode.session.cost.usage": Row(
        "float",
        "USD",
        "Cost by session, for the sessions active within a window.",
        (*L, "session.id", "opencode.usage.source"),
    ),
    "gen_ai.client.inference.usage.input_tokens": Row(
        "int", "{token}", "Input tokens, those read from or written to a cache too.", USAGE
    ),
    "gen_ai.client.inference.usage.output_tokens": Row(
        "int", "{token}", "Output tokens, those spent on reasoning too.", USAGE
    ),
    "gen_ai.client.inference.usage.cache_read.input_tokens": Row(
        "int", "{token}", "Input tokens served from the provider's cache.", USAGE
    ),
    "gen_ai.client.inference.usage.cache_write.input_tokens": Row(
        "int", "{token}", "Input tokens written to the provider's cache.", USAGE
    ),
    "gen_ai.client.inference.usage.reasoning.output_tokens": Row(
        "int", "{token}", "Output tokens spent on reasoning.", USAGE
    ),
    "gen_ai.client.inference.duration": Row("histogram", "s", "Duration of model calls.", CALL, ("error.type",)),
    "gen_ai.client.inference.time_to_first_chunk": Row(
        "histogram", "s", "Time from the request to the first output of the model, if OpenCode recorded it.", CALL
    ),
    "gen_ai.execute_tool.duration": Row(
        "histogram",
        "s",
        "Duration of tool calls.",
        ("gen_ai.tool.name", "gen_ai.tool.type", "gen_ai.agent.name", "opencode.project.name"),
        ("error.type",),
    ),
    "gen_ai.invoke_agent.duration": Row(
        "histogram",
        "s",
        "Duration of turns, from the question to the end of the last answer.",
        ("gen_ai.agent.name", "opencode.agent.kind", "opencode.project.name"),
        ("error.type",),
    ),
    "gen_ai.client.token.usage": Row(
        "histogram", "{token}", "Input and output tokens per model call.", (*CALL, "gen_ai.token.type")
    ),
    "gen_ai.client.operation.duration": Row("histogram", "s", "Duration of model calls.", CALL, ("error.type",)),
    "otel_agent.message.unreadable": Row(
        "int",
        "{message}",
        "Places in OpenCode's storage that could not be read as they should.",
        ("otel_agent.problem.kind",),
    ),
    "otel_agent.message.ingested": Row(
        "int",
        "{message}",
        "Assistant messages counted, by the form of storage they came from.",
        ("otel_agent.store.generation",),
    ),
}
LOOPS = {
    "opencode.tool.repeat.count": Row(
        "int",
        "{call}",
        "Tool calls that repeated the same tool and input again and again: loops.",
        ("gen_ai.tool.name", "opencode.project.name"),
    )
}
"""Only there if a model goes round in circles; `tests/intake/test_loop_radar.py` has the values."""
CLAUDE = ("model", "query_source")
CLAUDE_CODE = {
    "claude_code.token.usage": Row(
        "int",
        "tokens",
        "Tokens of OpenCode under Claude Code's name, by type.",
        (*L, *CLAUDE, "session.id", "opencode.usage.source", "gen_ai.token.type", "type"),
    ),
    "claude_code.cost.usage": Row(
        "float",
        "USD",
        "Cost of OpenCode under Claude Code's name, as OpenCode recorded it.",
        (*L, *CLAUDE, "session.id", "opencode.usage.source"),
    ),
    "claude_code.session.count": Row(
        "int",
        "{session}",
        "Sessions of OpenCode that a person began, under Claude Code's name.",
        ("opencode.project.name", "session.id"),
    ),
    "claude_code.lines_of_code.count": Row(
        "int",
        "{line}",
        "Lines added and removed by OpenCode, under Claude Code's name.",
        ("type", "opencode.project.name"),
    ),
}
OBSERVED = {
    "process.cpu.utilization": Row(
        "gauge", "1", "CPU time since the last collection as a share of that time; one core is 1.", PROCESS
    ),
    "process.cpu.time": Row("float", "s", "CPU time since the process started, user and system.", PROCESS),
    "process.memory.usage": Row("gauge", "By", "Physical memory in use.", PROCESS),
    "process.memory.virtual": Row("gauge", "By", "Virtual memory.", PROCESS),
    "process.thread.count": Row("gauge", "{thread}", "Threads.", PROCESS),
    "process.unix.file_descriptor.count": Row("gauge", "{file_descriptor}", "Open file descriptors.", PROCESS),
    "process.uptime": Row("gauge", "s", "Time since the process started.", PROCESS),
    "opencode.process.count": Row("gauge", "{process}", "Running OpenCode processes.", ("opencode.process.mode",)),
    "otel_agent.ingest.lag": Row(
        "gauge", "s", "From the completion of the message that was counted last to its being counted.", ()
    ),
    "otel_agent.message.age": Row("gauge", "s", "Time since the newest counted message was complete.", ()),
    "otel_agent.outbox.size": Row("gauge", "{span}", "Spans that the backend has not taken yet.", ()),
    "otel_agent.ledger.size": Row("gauge", "By", "Size of the ledger on disk, its write-ahead log included.", ()),
    "otel_agent.series.count": Row(
        "gauge", "{series}", "Series kept in the ledger, by metric.", ("otel_agent.series.metric",)
    ),
    "otel_agent.series.overflow": Row(
        "int", "{series}", "Times that something was added to an overflow series for want of room.", ()
    ),
    "otel_agent.export.attempts": Row(
        "int",
        "{request}",
        "OTLP requests since the agent started.",
        ("otel_agent.signal", "otel_agent.export.outcome"),
    ),
    "otel_agent.export.rejected": Row(
        "int",
        "{item}",
        "Spans and data points that the backend took a request without.",
        ("otel_agent.signal",),
    ),
    "otel_agent.budget.usage": Row("gauge", "{token}", "Tokens used of a budget in its day, week or month.", BUDGET),
    "otel_agent.budget.limit": Row("gauge", "{token}", "Tokens that a budget has for its day, week or month.", BUDGET),
    "otel_agent.budget.cost.usage": Row(
        "gauge", "USD", "Cost charged to a budget in its day, week or month, as OpenCode recorded it.", BUDGET
    ),
    "otel_agent.budget.cost.limit": Row("gauge", "USD", "Cost that a budget has for its day, week or month.", BUDGET),
    "otel_agent.budget.notices": Row(
        "int",
        "{notice}",
        "Notices of budgets since the agent started, by how their command ended.",
        ("otel_agent.budget.command.outcome",),
    ),
}


def put_everything(tree: JsonTree) -> None:
    """A message that went well, one of a sub-agent that did not, one with a number that cannot be."""
    person = session(AN_HOUR_AGO - 500, title="Rename the parser")
    helper = session(AN_HOUR_AGO + 1_000, counter=2, parent=person.id)
    failed = {"error": {"name": "APIError", "data": {"message": "no"}}}
    first = message(person, Tokens(700, 50, 20, 300, 7), AN_HOUR_AGO, cost=1)
    tree.put_turn(
        first,
        message(helper, Tokens(5, 1), AN_HOUR_AGO + 2_000, agent="explore", cost=0.5, changes=failed),
    )
    tree.put_turn(message(person, {"input": -1}, AN_HOUR_AGO + 9_000))
    tree.put(tool(first), tool(first, "grep", 5, status="error", error="no"))
    summary = {"summary": {"additions": 12, "deletions": 5, "files": 2}}
    tree.put_bytes(person, as_file(person.document() | summary))

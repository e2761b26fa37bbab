"""Every metric that the agent emits, with unit and description; ``attributes`` has the keys and names beside them.

A new metric is a line here, and a sum with its key in ``series/tally.py`` (counted), or a line in ``series/gauges.py``
(observed). CONTRIBUTING.md has the whole recipe.

Names follow OpenTelemetry's GenAI, process and resource conventions if they have one, else they are ``opencode.*``.
Units are UCUM, and no name contains one. Names, units and descriptions are a contract with dashboards.
"""

from enum import StrEnum
from typing import Final, Literal

from msgspec import Struct

SCOPE: Final = "otel_agent"
SERVICE_NAME: Final = "otel-agent"
INSTANCE_NAMESPACE: Final = "4d63009a-8d0f-11ee-aad7-4c796ed8e320"
"""UUID namespace that OpenTelemetry reserves for ``service.instance.id``."""


Signal = Literal["traces", "metrics"]
"""The OpenTelemetry signals that the agent exports."""


class Kind(StrEnum):
    """The kinds of instruments, by the words of OpenTelemetry."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(Struct, frozen=True):
    """One instrument. The ledger keeps its sums as integers of ``1 / scale`` of ``unit``."""

    name: str
    kind: Kind
    unit: str
    description: str
    scale: int = 1
    """Values with scale 1 are published as integers; others are divided by it and published as floats, always."""
    boundaries: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, in ``unit``."""


NANO: Final = 1_000_000_000
MILLI: Final = 1_000

_TOKEN_BOUNDARIES: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
_TURN_BOUNDARIES: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
_DURATION_BOUNDARIES: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)


def _counter(name: str, unit: str, description: str, scale: int = 1) -> Metric:
    return Metric(name, Kind.COUNTER, unit, description, scale)


TOKEN_USAGE: Final = _counter(
    "opencode.token.usage", "{token}", "Tokens of completed assistant messages, as OpenCode recorded them."
)
MESSAGE_COUNT: Final = _counter(
    "opencode.message.count", "{message}", "Completed assistant messages, each counted once."
)
COST_USAGE: Final = _counter(
    "opencode.cost.usage", "USD", "Cost of completed assistant messages, as OpenCode recorded it.", NANO
)
SESSION_COUNT: Final = _counter(
    "opencode.session.count", "{session}", "Sessions with at least one completed assistant message."
)
TOOL_CALL_COUNT: Final = _counter(
    "opencode.tool.call.count", "{call}", "Tool calls of completed assistant messages, each counted once."
)
TOOL_REPEAT_COUNT: Final = _counter(
    "opencode.tool.repeat.count", "{call}", "Tool calls that repeated the same tool and input again and again: loops."
)
LINES_COUNT: Final = _counter(
    "opencode.lines_of_code.count", "{line}", "Lines that sessions added and removed, as OpenCode counted them."
)
SESSION_TOKEN_USAGE: Final = _counter(
    "opencode.session.token.usage", "{token}", "Tokens by session, for the sessions active within a window."
)
SESSION_COST_USAGE: Final = _counter(
    "opencode.session.cost.usage", "USD", "Cost by session, for the sessions active within a window.", NANO
)
UNREADABLE_COUNT: Final = _counter(
    "otel_agent.message.unreadable", "{message}", "Places in OpenCode's storage that could not be read as they should."
)
INGESTED_COUNT: Final = _counter(
    "otel_agent.message.ingested", "{message}", "Assistant messages counted, by the form of storage they came from."
)

INPUT_TOKENS: Final = _counter(
    "gen_ai.client.inference.usage.input_tokens", "{token}", "Input tokens, those read from or written to a cache too."
)
OUTPUT_TOKENS: Final = _counter(
    "gen_ai.client.inference.usage.output_tokens", "{token}", "Output tokens, those spent on reasoning too."
)
CACHE_READ_TOKENS: Final = _counter(
    "gen_ai.client.inference.usage.cache_read.input_tokens", "{token}", "Input tokens served from the provider's cache."
)
CACHE_WRITE_TOKENS: Final = _counter(
    "gen_ai.client.inference.usage.cache_write.input_tokens", "{token}", "Input tokens written to the provider's cache."
)
REASONING_TOKENS: Final = _counter(
    "gen_ai.client.inference.usage.reasoning.output_tokens", "{token}", "Output tokens spent on reasoning."
)


def _seconds(name: str, description: str, boundaries: tuple[float, ...] = _DURATION_BOUNDARIES) -> Metric:
    return Metric(name, Kind.HISTOGRAM, "s", description, MILLI, boundaries)


INFERENCE_DURATION: Final = _seconds("gen_ai.client.inference.duration", "Duration of model calls.")
TIME_TO_FIRST_CHUNK: Final = _seconds(
    "gen_ai.client.inference.time_to_first_chunk",
    "Time from the request to the first output of the model, if OpenCode recorded it.",
)
EXECUTE_TOOL_DURATION: Final = _seconds("gen_ai.execute_tool.duration", "Duration of tool calls.")
INVOKE_AGENT_DURATION: Final = _seconds(
    "gen_ai.invoke_agent.duration",
    "Duration of turns, from the question to the end of the last answer.",
    _TURN_BOUNDARIES,
)

LEGACY_TOKEN_USAGE: Final = Metric(
    "gen_ai.client.token.usage",
    Kind.HISTOGRAM,
    "{token}",
    "Input and output tokens per model call.",
    1,
    _TOKEN_BOUNDARIES,
)
LEGACY_DURATION: Final = _seconds("gen_ai.client.operation.duration", "Duration of model calls.")


# The names of Claude Code, for dashboards that people made for it: its unit is part of what Prometheus calls them.
CLAUDE_TOKEN_USAGE: Final = _counter(
    "claude_code.token.usage", "tokens", "Tokens of OpenCode under Claude Code's name, by type."
)
CLAUDE_COST_USAGE: Final = _counter(
    "claude_code.cost.usage", "USD", "Cost of OpenCode under Claude Code's name, as OpenCode recorded it.", NANO
)
CLAUDE_SESSION_COUNT: Final = _counter(
    "claude_code.session.count", "{session}", "Sessions of OpenCode that a person began, under Claude Code's name."
)
CLAUDE_LINES_COUNT: Final = _counter(
    "claude_code.lines_of_code.count", "{line}", "Lines added and removed by OpenCode, under Claude Code's name."
)


def _gauge(name: str, unit: str, description: str) -> Metric:
    return Metric(name, Kind.GAUGE, unit, description)


PROCESS_CPU_UTILIZATION: Final = _gauge(
    "process.cpu.utilization", "1", "CPU time since the last collection as a share of that time; one core is 1."
)
PROCESS_CPU_TIME: Final = _counter("process.cpu.time", "s", "CPU time since the process started, user and system.")
PROCESS_MEMORY_USAGE: Final = _gauge("process.memory.usage", "By", "Physical memory in use.")
PROCESS_MEMORY_VIRTUAL: Final = _gauge("process.memory.virtual", "By", "Virtual memory.")
PROCESS_THREAD_COUNT: Final = _gauge("process.thread.count", "{thread}", "Threads.")
PROCESS_FILE_DESCRIPTOR_COUNT: Final = _gauge(
    "process.unix.file_descriptor.count", "{file_descriptor}", "Open file descriptors."
)
PROCESS_UPTIME: Final = _gauge("process.uptime", "s", "Time since the process started.")
PROCESS_COUNT: Final = _gauge("opencode.process.count", "{process}", "Running OpenCode processes.")

INGEST_LAG: Final = _gauge(
    "otel_agent.ingest.lag", "s", "From the completion of the message that was counted last to its being counted."
)
NEWEST_MESSAGE_AGE: Final = _gauge("otel_agent.message.age", "s", "Time since the newest counted message was complete.")
OUTBOX_SIZE: Final = _gauge("otel_agent.outbox.size", "{span}", "Spans that the backend has not taken yet.")
LEDGER_SIZE: Final = _gauge("otel_agent.ledger.size", "By", "Size of the ledger on disk, its write-ahead log included.")
SERIES_COUNT: Final = _gauge("otel_agent.series.count", "{series}", "Series kept in the ledger, by metric.")
SERIES_OVERFLOW_COUNT: Final = _counter(
    "otel_agent.series.overflow", "{series}", "Times that something was added to an overflow series for want of room."
)
EXPORT_COUNT: Final = _counter("otel_agent.export.attempts", "{request}", "OTLP requests since the agent started.")
REJECTED_COUNT: Final = _counter(
    "otel_agent.export.rejected", "{item}", "Spans and data points that the backend took a request without."
)

BUDGET_USAGE: Final = _gauge("otel_agent.budget.usage", "{token}", "Tokens used of a budget in its day, week or month.")
BUDGET_LIMIT: Final = _gauge(
    "otel_agent.budget.limit", "{token}", "Tokens that a budget has for its day, week or month."
)
BUDGET_COST_USAGE: Final = _gauge(
    "otel_agent.budget.cost.usage",
    "USD",
    "Cost charged to a budget in its day, week or month, as OpenCode recorded it.",
)
BUDGET_COST_LIMIT: Final = _gauge(
    "otel_agent.budget.cost.limit", "USD", "Cost that a budget has for its day, week or month."
)
BUDGET_NOTICE_COUNT: Final = _counter(
    "otel_agent.budget.notices", "{notice}", "Notices of budgets since the agent started, by how their command ended."
)

OPENCODE: Final = (
    TOKEN_USAGE,
    MESSAGE_COUNT,
    COST_USAGE,
    SESSION_COUNT,
    TOOL_CALL_COUNT,
    TOOL_REPEAT_COUNT,
    LINES_COUNT,
)
BY_SESSION: Final = (SESSION_TOKEN_USAGE, SESSION_COST_USAGE)
OWN: Final = (UNREADABLE_COUNT, INGESTED_COUNT)
GENAI_LATEST: Final = (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    CACHE_READ_TOKENS,
    CACHE_WRITE_TOKENS,
    REASONING_TOKENS,
    INFERENCE_DURATION,
    TIME_TO_FIRST_CHUNK,
    EXECUTE_TOOL_DURATION,
    INVOKE_AGENT_DURATION,
)
GENAI_LEGACY: Final = (LEGACY_TOKEN_USAGE, LEGACY_DURATION)
CLAUDE_CODE: Final = (CLAUDE_TOKEN_USAGE, CLAUDE_COST_USAGE, CLAUDE_SESSION_COUNT, CLAUDE_LINES_COUNT)

PROCESS: Final = (
    PROCESS_COUNT,
    PROCESS_CPU_UTILIZATION,
    PROCESS_CPU_TIME,
    PROCESS_MEMORY_USAGE,
    PROCESS_MEMORY_VIRTUAL,
    PROCESS_THREAD_COUNT,
    PROCESS_FILE_DESCRIPTOR_COUNT,
    PROCESS_UPTIME,
)
ITSELF: Final = (
    INGEST_LAG,
    NEWEST_MESSAGE_AGE,
    OUTBOX_SIZE,
    LEDGER_SIZE,
    SERIES_COUNT,
    SERIES_OVERFLOW_COUNT,
    EXPORT_COUNT,
    REJECTED_COUNT,
)
BUDGETS: Final = (BUDGET_USAGE, BUDGET_LIMIT, BUDGET_COST_USAGE, BUDGET_COST_LIMIT, BUDGET_NOTICE_COUNT)
OBSERVED: Final = (*PROCESS, *ITSELF, *BUDGETS)
"""Metrics that are observed at each collection. All others are kept in the ledger."""

METRICS: Final = {
    m.name: m for m in (*OPENCODE, *BY_SESSION, *OWN, *GENAI_LATEST, *GENAI_LEGACY, *CLAUDE_CODE, *OBSERVED)
}

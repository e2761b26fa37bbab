"""The keys of attributes, their values if OpenTelemetry has a list of them, and the names of spans."""

from typing import Final

TOKEN_TYPES: Final = ("input", "output", "reasoning", "cache_read", "cache_write")
"""Values of ``gen_ai.token.type``, in the order of ``Tokens.each``."""


class Attr:
    """The keys of attributes."""

    PROVIDER: Final = "gen_ai.provider.name"
    MODEL: Final = "gen_ai.request.model"
    AGENT: Final = "gen_ai.agent.name"
    TOKEN_TYPE: Final = "gen_ai.token.type"
    OPERATION: Final = "gen_ai.operation.name"
    MODALITY: Final = "gen_ai.token.modality"
    CONVERSATION: Final = "gen_ai.conversation.id"
    FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
    FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
    REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
    USAGE_INPUT: Final = "gen_ai.usage.input_tokens"
    USAGE_OUTPUT: Final = "gen_ai.usage.output_tokens"
    USAGE_REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
    USAGE_CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
    USAGE_CACHE_WRITE: Final = "gen_ai.usage.cache_write.input_tokens"
    LEGACY_CACHE_WRITE: Final = "gen_ai.usage.cache_creation.input_tokens"
    COMPACTED: Final = "gen_ai.conversation.compacted"
    TOOL: Final = "gen_ai.tool.name"
    TOOL_TYPE: Final = "gen_ai.tool.type"
    TOOL_CALL: Final = "gen_ai.tool.call.id"
    TOOL_OUTCOME: Final = "opencode.tool.outcome"
    ERROR_TYPE: Final = "error.type"
    SESSION: Final = "session.id"
    SESSION_TITLE: Final = "opencode.session.title"
    SESSION_PARENT: Final = "opencode.session.parent.id"
    MESSAGE: Final = "opencode.message.id"
    OUTCOME: Final = "opencode.message.outcome"
    RETRIES: Final = "opencode.message.retries"
    COMPACTION: Final = "opencode.message.compaction"
    PROJECT: Final = "opencode.project.name"
    PROJECT_DIRECTORY: Final = "opencode.project.directory"
    REPOSITORY: Final = "vcs.repository.name"
    BRANCH: Final = "vcs.ref.head.name"
    AGENT_KIND: Final = "opencode.agent.kind"
    USAGE_SOURCE: Final = "opencode.usage.source"
    COST: Final = "opencode.cost.usd"
    RECORDED: Final = tuple(f"opencode.token.{type_}" for type_ in TOKEN_TYPES)
    PID: Final = "process.pid"
    EXECUTABLE: Final = "process.executable.name"
    PROCESS_MODE: Final = "opencode.process.mode"
    PROBLEM: Final = "otel_agent.problem.kind"
    SOURCE: Final = "otel_agent.store.generation"
    SERIES_OF: Final = "otel_agent.series.metric"
    SIGNAL: Final = "otel_agent.signal"
    EXPORT_OUTCOME: Final = "otel_agent.export.outcome"
    BUDGET: Final = "otel_agent.budget.name"
    BUDGET_WINDOW: Final = "otel_agent.budget.window"
    NOTICE_OUTCOME: Final = "otel_agent.budget.command.outcome"
    OVERFLOW: Final = "otel.metric.overflow"
    LINES: Final = "type"
    """Of lines: ``added`` or ``removed``. Others count lines of code under this name, too."""
    CLAUDE_MODEL: Final = "model"
    CLAUDE_TYPE: Final = "type"
    CLAUDE_QUERY_SOURCE: Final = "query_source"


CHAT: Final = "chat"
"""``gen_ai.operation.name`` of a model call; its span is named ``chat {model}``."""
INVOKE_AGENT: Final = "invoke_agent"
"""The same of a turn; its span is named ``invoke_agent {agent}``."""
EXECUTE_TOOL: Final = "execute_tool"
"""The same of a tool call; its span is named ``execute_tool {tool}``."""
FUNCTION: Final = "function"
"""``gen_ai.tool.type`` of a tool that OpenCode runs itself, those of MCP servers too."""
FINISHED_BY_ERROR: Final = "error"
"""Stands in ``gen_ai.response.finish_reasons`` if the model was expected to say why it ended, and did not."""
TOOL_ERROR: Final = "tool_error"
"""``error.type`` of a tool call that failed, as in OpenTelemetry's conventions for MCP. The error's text stays here."""
TOOL_ABORTED: Final = "aborted"
"""The same of a call that a person broke off, or that was under way when OpenCode ended."""

_PROVIDERS: Final = {
    "google": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "google-vertex-anthropic": "gcp.vertex_ai",
    "amazon-bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "azure-cognitive-services": "azure.ai.inference",
    "xai": "x_ai",
    "mistral": "mistral_ai",
    "moonshotai": "moonshot_ai",
    "moonshotai-cn": "moonshot_ai",
}


def provider_name(opencode_id: str) -> str:
    """Return OpenTelemetry's well-known name of an OpenCode provider, or OpenCode's own if there is none.

    A well-known name is its own name, so series of older releases can be brought under today's names by this, too.
    """
    return _PROVIDERS.get(opencode_id, opencode_id)

"""The attributes of a message's series: low in cardinality, and always from storage."""

import json
from collections.abc import Mapping
from typing import Final

from otel_agent.model import Message, ToolCall
from otel_agent.model.project import project_name
from otel_agent.semconv import Attr, provider_name

AttributeValue = str | bool

OVERFLOW: Final = json.dumps({Attr.OVERFLOW: True})
"""Attributes of the series that takes what belongs to no series of its own."""


def message_attributes(message: Message, *, subagent: bool) -> dict[str, AttributeValue]:
    """Provider, model, agent, project and kind of agent. What storage does not tell is left out, never made up."""
    told: dict[str, AttributeValue] = {
        Attr.PROVIDER: provider_name(message.provider),
        Attr.MODEL: message.model,
        Attr.AGENT: message.agent,
        Attr.PROJECT: project_name(message.project_directory),
    }
    known: dict[str, AttributeValue] = {key: value for key, value in told.items() if value}
    known[Attr.AGENT_KIND] = agent_kind(subagent)
    return known


def session_attributes(of_message: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Project and kind of agent of a session, by the attributes of one of its messages."""
    return {key: of_message[key] for key in (Attr.PROJECT, Attr.AGENT_KIND) if key in of_message}


def tool_call_attributes(message: Message, call: ToolCall) -> dict[str, AttributeValue]:
    told = {
        Attr.TOOL: call.tool,
        Attr.TOOL_OUTCOME: call.outcome.value,
        Attr.PROJECT: project_name(message.project_directory),
    }
    return {key: value for key, value in told.items() if value}


def agent_kind(subagent: bool) -> str:
    return "subagent" if subagent else "primary"


def to_json(attributes: Mapping[str, AttributeValue]) -> str:
    """The one text for a set of attributes."""
    return json.dumps(attributes, sort_keys=True, ensure_ascii=False)


def from_json(text: str) -> dict[str, AttributeValue]:
    """The reverse of ``to_json``."""
    found: dict[str, AttributeValue] = json.loads(text)
    return found

"""The attributes of a message's series: low in cardinality, and always from storage."""

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

from otel_agent.model import Message, ToolCall
from otel_agent.semconv import Attr, provider_name

AttributeValue = str | bool

OVERFLOW: Final = json.dumps({Attr.OVERFLOW: True})
"""Attributes of the series that takes what belongs to no series of its own."""


def of_message(message: Message, *, subagent: bool) -> dict[str, AttributeValue]:
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


def of_session(of_message: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Project and kind of agent of a session, by the attributes of one of its messages."""
    return {key: of_message[key] for key in (Attr.PROJECT, Attr.AGENT_KIND) if key in of_message}


def of_call(message: Message, call: ToolCall) -> dict[str, AttributeValue]:
    told = {
        Attr.TOOL: call.tool,
        Attr.TOOL_OUTCOME: call.outcome.value,
        Attr.PROJECT: project_name(message.project_directory),
    }
    return {key: value for key, value in told.items() if value}


def agent_kind(subagent: bool) -> str:
    return "subagent" if subagent else "primary"


@lru_cache(maxsize=4096)
def project_name(directory: str) -> str:
    """The last part of the project's directory: the same for everyone who works on it, wherever they keep it. The
    home folder, whose last part is a person's name, is ``~``."""
    shown = from_home(directory)
    path = PureWindowsPath(shown) if "\\" in shown else PurePosixPath(shown)
    return path.name or shown


def from_home(directory: str) -> str:
    """The directory with the home folder as ``~``, so that no user name leaves the machine with it."""
    home = os.path.expanduser("~").rstrip("/\\")  # noqa: PTH111 - Path.home raises where a user has none
    rest = directory.removeprefix(home)
    return "~" + rest if home and rest != directory and rest[:1] in ("", "/", "\\") else directory


def key(attributes: Mapping[str, AttributeValue]) -> str:
    """The one text for a set of attributes."""
    return json.dumps(attributes, sort_keys=True, ensure_ascii=False)


def attributes(text: str) -> dict[str, AttributeValue]:
    """The reverse of ``key``."""
    found: dict[str, AttributeValue] = json.loads(text)
    return found

"""The names of metrics and attributes in Prometheus, with its default translation `UnderscoreEscapingWithSuffixes`."""

from typing import Final

from otel_agent.semconv import Kind, Metric
from otel_agent.semconv.attributes import Attr

_UNITS: Final = {"s": "seconds", "By": "bytes", "1": "ratio", "USD": "USD"}


def metric(of: Metric) -> str:
    """Return the name of a metric in Prometheus: with its unit (but not an annotation in braces), and `_total` for a counter."""
    parts = [label(of.name), _UNITS.get(of.unit, ""), "total" if of.kind is Kind.COUNTER else ""]
    return "_".join(part for part in parts if part)


def gained(of: Metric) -> str:
    """Return the name of the series in which `prometheus/rules/gained.yaml` records what each five minutes added."""
    return f"opencode:{label(of.name).removeprefix('opencode_')}:gained5m"


def label(attribute: str) -> str:
    """Return the name of the label that an attribute becomes."""
    return attribute.replace(".", "_")


DURATION_COUNT: Final = "gen_ai:client_inference_duration_count:gained5m"
"""The series in which `gained.yaml` records the model calls with their error, and …"""
DURATION_BUCKET: Final = "gen_ai:client_inference_duration_bucket:gained5m"
"""… how long they took."""
TURN_COUNT: Final = "gen_ai:invoke_agent_duration_count:gained5m"
"""The same of turns, and …"""
TURN_BUCKET: Final = "gen_ai:invoke_agent_duration_bucket:gained5m"
"""… how long those took."""
TOOL_BUCKET: Final = "gen_ai:execute_tool_duration_bucket:gained5m"
"""How long tool calls took."""

TEAM: Final = "team"
USER: Final = "user"
HOST: Final = "host_name"
PROJECT: Final = label(Attr.PROJECT)
PROVIDER: Final = label(Attr.PROVIDER)
MODEL: Final = label(Attr.MODEL)
AGENT: Final = label(Attr.AGENT)
KIND: Final = label(Attr.AGENT_KIND)
SESSION: Final = label(Attr.SESSION)
TOKEN_TYPE: Final = label(Attr.TOKEN_TYPE)
OUTCOME: Final = label(Attr.OUTCOME)
TOOL: Final = label(Attr.TOOL)
TOOL_OUTCOME: Final = label(Attr.TOOL_OUTCOME)
LINES: Final = label(Attr.LINES)
TOKENS_OF: Final = label(Attr.USAGE_SOURCE)
ERROR: Final = label(Attr.ERROR_TYPE)
PERSON: Final = "person"
"""No attribute: the user, or the host if the agents name no user."""

"""The records that cross rooms: frozen, without I/O, in OpenCode's and OpenTelemetry's words.

Times are whole milliseconds since the Unix epoch, tokens whole tokens, cost whole billionths of a US dollar
(``nusd``): the smallest price per token is a fraction of a micro-dollar, and rounding each message to
micro-dollars would make a sum of small messages wrong.
"""

from otel_agent.model.message import (
    Caller,
    Change,
    Generation,
    Message,
    Outcome,
    Session,
    State,
    ToolCall,
    Turn,
)
from otel_agent.model.process import ProcessMode, ProcessSample
from otel_agent.model.signal import Increase, Observation, SendResult, SentPoint, Series
from otel_agent.model.store import (
    AskWanted,
    Batch,
    BeingWritten,
    Calls,
    CallsWanted,
    Checkpoint,
    Problem,
    ProblemKind,
    ReadScope,
    Recall,
    Store,
    Unreadable,
)
from otel_agent.model.usage import Overlap, Tokens, without_overlap

__all__ = [
    "AskWanted",
    "Batch",
    "BeingWritten",
    "Caller",
    "Calls",
    "CallsWanted",
    "Change",
    "Checkpoint",
    "Generation",
    "Increase",
    "Message",
    "Observation",
    "Outcome",
    "Overlap",
    "Problem",
    "ProblemKind",
    "ProcessMode",
    "ProcessSample",
    "ReadScope",
    "Recall",
    "SendResult",
    "SentPoint",
    "Series",
    "Session",
    "State",
    "Store",
    "Tokens",
    "ToolCall",
    "Turn",
    "Unreadable",
    "without_overlap",
]

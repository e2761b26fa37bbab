"""The records that cross rooms: frozen, without I/O, in OpenCode's and OpenTelemetry's words.

Times are whole milliseconds since the Unix epoch, tokens are whole tokens, and cost is whole billionths of a US dollar
(``nusd``). The smallest price per token is a fraction of a micro-dollar, so a sum of messages that are rounded to
micro-dollars would be wrong.
"""

from otel_agent.model.delivery import Observation, SendResult
from otel_agent.model.lines import GainedLines, Lines
from otel_agent.model.message import (
    KILLED,
    Answer,
    Change,
    Generation,
    LoopKind,
    Message,
    Outcome,
    Session,
    State,
    ToolCall,
    UsageSource,
)
from otel_agent.model.problem import Problem, ProblemKind, ProblemPlace, Unreadable
from otel_agent.model.process import ProcessMode, ProcessSample
from otel_agent.model.series import Increase, SentPoint, Series
from otel_agent.model.store import (
    AskWanted,
    Batch,
    BeingWritten,
    Calls,
    CallsWanted,
    Checkpoint,
    OldRow,
    ReadScope,
    Recall,
    SessionTotals,
    Settling,
    Store,
    StoreTotals,
    TotalsSource,
)
from otel_agent.model.turn import GOES_ON, Caller, EndedTurn, Turn
from otel_agent.model.usage import Overlap, Tokens, without_overlap

__all__ = [
    "GOES_ON",
    "KILLED",
    "Answer",
    "AskWanted",
    "Batch",
    "BeingWritten",
    "Caller",
    "Calls",
    "CallsWanted",
    "Change",
    "Checkpoint",
    "EndedTurn",
    "GainedLines",
    "Generation",
    "Increase",
    "Lines",
    "LoopKind",
    "Message",
    "Observation",
    "OldRow",
    "Outcome",
    "Overlap",
    "Problem",
    "ProblemKind",
    "ProblemPlace",
    "ProcessMode",
    "ProcessSample",
    "ReadScope",
    "Recall",
    "SendResult",
    "SentPoint",
    "Series",
    "Session",
    "SessionTotals",
    "Settling",
    "State",
    "Store",
    "StoreTotals",
    "Tokens",
    "ToolCall",
    "TotalsSource",
    "Turn",
    "Unreadable",
    "UsageSource",
    "without_overlap",
]

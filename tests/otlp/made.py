"""Messages and changes as the ledger hands them to the signals, and the emitter they are sent by."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_agent.model import Change, Generation, Message, Overlap, Session, Tokens, Turn
from otel_agent.otlp.resource import Emitter

EMITTER = Emitter(Resource({"service.name": "made"}), InstrumentationScope("made", "1"))

MESSAGE = Message(
    id="msg_beb077a85001k767ZlaEy6bbW9",
    session_id="ses_414f88563ffeZW7Jw9P2hk1oRa",
    generation=Generation.V1,
    created_ms=1_769_174_692_533,
    completed_ms=1_769_174_730_149,
    provider="zai-coding-plan",
    model="glm-4.7",
    agent="build",
    tokens=Tokens(700, 50, 20, 300, 7),
    overlap=Overlap(0, 20),
    cost_nusd=12_345_678,
    turn_id="msg_beb077a21001Qm0v3bTnXHc2aZ",
    finish="stop",
    worktree="/srv/projects/persona",
    directory="/srv/projects/persona/src",
)
SESSION = Session(MESSAGE.session_id, title="Rename the parser")
TURN = Turn(MESSAGE.turn_id, trace=MESSAGE.turn_id, caller="", started_ms=MESSAGE.created_ms - 100)


def made(**fields: Any) -> Message:
    return replace(MESSAGE, **fields)


def change(message: Message = MESSAGE, **fields: Any) -> Change:
    """All of a message, counted for the first time, in a session that began with it."""
    whole: dict[str, Any] = {
        "subagent": False,
        "tokens": message.tokens,
        "overlap": message.overlap,
        "cost_nusd": message.cost_nusd,
        "first": True,
        "opens_session": True,
    }
    return Change(message=message, **(whole | fields))

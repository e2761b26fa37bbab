"""The desk at which a real OpenCode works: its provider, the agent that reads it, the backend; and turns to give it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.agent import Agent
from tests.support.otlp_receiver import OtlpReceiver, SpanRow
from tests.support.real_opencode.billing import Tokens, recorded
from tests.support.real_opencode.driver import OpenCode, require_opencode
from tests.support.real_opencode.provider import Bill, Provider, Refusal, Reply, ToolCall, Usage

JSON_TREE = "1.1.27"
IMPORTER = "1.2.6"
SQLITE = "1.18.33"
MODELS = ("ink-1", "quill-2")
INK, QUILL = MODELS


@dataclass
class Desk:
    """A provider, a home in which OpenCode runs, an agent that reads it, and the backend."""

    tmp_path: Path
    provider: Provider
    receiver: OtlpReceiver
    agent: Agent = field(init=False)

    def __post_init__(self) -> None:
        self.agent = self.another_agent("agent", self.receiver)

    def opencode(self, version: str) -> OpenCode:
        require_opencode(version)
        return OpenCode(version, self.tmp_path / "home", self.provider, MODELS)

    def another_agent(self, name: str, receiver: OtlpReceiver) -> Agent:
        home = self.tmp_path / name
        home.mkdir()
        data_home = self.tmp_path / "home" / ".local" / "share"
        return Agent(home, receiver.endpoint, extra={"XDG_DATA_HOME": str(data_home)})


def a_plain_turn(opencode: OpenCode, provider: Provider) -> None:
    provider.script(INK, Reply(Usage(prompt=1000, cached=300, completion=50, reasoning=20)))
    assert opencode.run("Good morning.", model=INK).returncode == 0


def a_tool_round(opencode: OpenCode, provider: Provider, *, continue_: bool = False) -> None:
    provider.script(
        QUILL,
        Reply(Usage(prompt=1200, cached=400, completion=60, reasoning=10), tools=(bash("echo hi"),)),
        Reply(Usage(prompt=1500, cached=800, completion=70, reasoning=0)),
    )
    assert opencode.run("Say hi.", model=QUILL, continue_=continue_).returncode == 0


def a_sub_agent(opencode: OpenCode, provider: Provider) -> None:
    look = {"description": "Look around", "prompt": "Look around.", "subagent_type": "general"}
    provider.script(
        INK,
        Reply(Usage(prompt=1100, completion=40), tools=(ToolCall("task", look),)),
        Reply(Usage(prompt=600, cached=64, completion=30, reasoning=9)),
        Reply(Usage(prompt=1300, cached=1088, completion=25)),
    )
    assert opencode.run("Have it looked at.", model=INK).returncode == 0


def a_refused_turn(opencode: OpenCode, provider: Provider) -> None:
    """It ends, but how the process exits differs between releases."""
    provider.script(INK, Refusal(400, "not like this"))
    opencode.run("This is refused.", model=INK)


def a_killed_turn(opencode: OpenCode, provider: Provider) -> None:
    provider.script(INK, Reply(Usage(prompt=5000, completion=500), gate=threading.Event()))
    arrived = provider.requests()
    with opencode.start("This is cut off.", model=INK) as turn:
        provider.wait_for_requests(arrived + 1)
        turn.kill()


def bash(command: str) -> ToolCall:
    return ToolCall("bash", {"command": command, "description": "Runs a command"})


def recorded_by_model(version: str, bills: Sequence[Bill]) -> dict[str, Tokens]:
    models = {bill.model for bill in bills}
    return {model: recorded(version, [bill for bill in bills if bill.model == model]) for model in models}


def tokens_by_model(receiver: OtlpReceiver) -> dict[str, Tokens]:
    """Return the tokens that arrived. A model with only zeros was never billed: it is left out."""
    kinds = ("input", "output", "reasoning", "cache_read", "cache_write")
    arrived = {
        str(model): {
            kind: int(
                receiver.total("opencode.token.usage", {"gen_ai.request.model": model, "gen_ai.token.type": kind})
            )
            for kind in kinds
        }
        for model in receiver.by("opencode.token.usage", "gen_ai.request.model")
    }
    return {model: tokens for model, tokens in arrived.items() if any(tokens.values())}


def chats(receiver: OtlpReceiver) -> list[SpanRow]:
    """Every delivered span of a model call, deliveries of the same one kept."""
    return [span for span in receiver.chats() if span.name.startswith("chat ")]


def answered(receiver: OtlpReceiver) -> list[SpanRow]:
    return [span for span in chats(receiver) if span.status_code != "ERROR"]


def sessions(receiver: OtlpReceiver) -> set[str]:
    return {str(span.attributes["session.id"]) for span in chats(receiver)}

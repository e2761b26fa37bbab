"""Stores and deliveries that exist in memory only, and keep what the agent did with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.model import (
    AskWanted,
    Batch,
    Caller,
    Calls,
    CallsWanted,
    Checkpoint,
    Message,
    Problem,
    ReadScope,
    Recall,
    SendResult,
    Session,
    ToolCall,
)
from tests.support.otlp_receiver.rows import PointRow, point_rows


class ListedStore:
    """Messages in a list, read two at a time from where the checkpoint says."""

    def __init__(self, name: str, *messages: Message, problems: Sequence[Problem] = (), parent_id: str = "") -> None:
        self.name = name
        self.messages = list(messages)
        self.problems = list(problems)
        self.read_from: list[int] = []
        """Where each pass began."""
        self.closed = 0
        self.folder, self.is_tree, self.in_flight = Path("nowhere"), False, ()
        self._parent_id = parent_id
        self.calls: dict[str, list[ToolCall]] = {}
        """By the message's id."""
        self.callers: dict[str, Caller] = {}
        """By the session's id."""

    def read(self, recall: Recall, ask_wanted: AskWanted, *, now_ms: int, scope: ReadScope) -> Iterator[Batch]:
        del now_ms, scope
        at = int(recall(self.name) or b"0")
        self.read_from.append(at)
        if self.problems:
            yield Batch(problems=list(self.problems))
        while at < len(self.messages):
            found = self.messages[at : at + 2]
            at += len(found)
            sessions = [Session(id=each.session_id, parent_id=self._parent_id) for each in found]
            calls = self.read_calls(found, ask_wanted(found))
            yield Batch(found, sessions, checkpoints=[Checkpoint(self.name, str(at).encode())], calls=calls)

    def read_calls(self, messages: Sequence[Message], wanted: CallsWanted) -> Calls:
        known = {message.id: self.calls[message.id] for message in messages if message.id in self.calls}
        callers = {each.turn: [self.callers[each.session_id]] for each in messages if each.session_id in self.callers}
        return Calls(
            {key: calls for key, calls in known.items() if key in wanted.messages},
            {turn: chain for turn, chain in callers.items() if turn in wanted.turns},
        )

    def length(self) -> int:
        return len(self.messages)

    def close(self) -> None:
        self.closed += 1


class SpansTo:
    """Answers each request as `judge` says of the names of the messages in it.

    Turns come in requests of their own. `judge_turns` gets the number of their spans.
    """

    def __init__(
        self,
        judge: Callable[[list[str]], SendResult],
        judge_turns: Callable[[int], SendResult] = lambda _: SendResult(accepted=True),
    ) -> None:
        self.judge, self.judge_turns = judge, judge_turns
        self.turns: list[int] = []
        """The number of spans in each request of turns."""
        self.requests: list[list[str]] = []
        self.accepted: list[str] = []
        self.closed = 0

    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        ids = [str(id_) for span in spans if (id_ := (span.attributes or {}).get("opencode.message.id"))]
        if not ids:
            self.turns.append(len(spans))
            return self.judge_turns(len(spans))
        self.requests.append(ids)
        result = self.judge(ids)
        if result.accepted:
            self.accepted += ids
        return result

    def close(self) -> None:
        self.closed += 1


class MetricsTo:
    """Keeps what it is sent, and answers with `result`, or as `judge` says of the points."""

    def __init__(self) -> None:
        self.requests: list[MetricsData] = []
        self.result = SendResult(accepted=True)
        self.judge: Callable[[list[PointRow]], SendResult] | None = None
        self.closed = 0

    def send(self, data: MetricsData) -> SendResult:
        self.requests.append(data)
        return self.result if self.judge is None else self.judge(list(point_rows(encode_metrics(data))))

    def close(self) -> None:
        self.closed += 1

    def names(self) -> set[str]:
        """The metrics in the requests since the last call."""
        names = {name for request in self.requests for name in self.names_of(request)}
        self.requests.clear()
        return names

    def names_of(self, request: MetricsData) -> set[str]:
        """The metrics in one request."""
        return {
            metric.name
            for of_resource in request.resource_metrics
            for of_scope in of_resource.scope_metrics
            for metric in of_scope.metrics
        }

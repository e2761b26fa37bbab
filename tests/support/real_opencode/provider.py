"""A model provider on the loopback interface that speaks the streaming OpenAI chat protocol and keeps the bill.

OpenCode is pointed at it by `driver.OpenCode`. The test scripts what a model answers, reply by reply. What was billed for
each request is the ground truth with which the stores, the ledger and the backend are compared.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

TITLE_MODEL = "quill-small"
"""The model with which OpenCode makes titles. It records those calls nowhere, so no total may contain them."""


GATE_TIMEOUT_S = 120.0
"""A held reply waits so long for its gate, longer than any test takes; then the connection is dropped."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one of OpenCode's tools, e.g. `bash` with a command and a description."""

    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Usage:
    """The cost of one reply in tokens, the OpenAI way: `cached` is part of `prompt`, `reasoning` part of `completion`."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: text, then the tool calls, then the usage. A `gate` holds back everything after the first words."""

    usage: Usage
    text: str = "That is done."
    tools: tuple[ToolCall, ...] = ()
    gate: threading.Event | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP error in place of an answer; 4xx is not tried again by OpenCode."""

    status: int = 400
    message: str = "the request was refused"


@dataclass(frozen=True, slots=True)
class Bill:
    """One request that was answered to its end."""

    model: str
    usage: Usage


class Provider:
    """The server, as a context manager. Replies are queued by model; title requests are answered without a script."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._scripts: dict[str, deque[Reply | Refusal]] = defaultdict(deque)  # guarded by _changed
        self._bills: list[Bill] = []  # guarded by _changed
        self._begun: list[Bill] = []  # guarded by _changed; what each reply costs if it is answered to its end
        self._asked: list[str] = []  # guarded by _changed; the model of each request, titles left out
        self._gates: list[
            threading.Event
        ] = []  # guarded by _changed; opened at the end, so that no thread is left waiting
        self._closed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _endpoint(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="provider", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        with self._changed:
            gates = tuple(self._gates)
        for gate in gates:
            gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    @property
    def base_url(self) -> str:
        """The value for `options.baseURL` of opencode.json."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def script(self, model: str, *replies: Reply | Refusal) -> None:
        """Queue the next answers of `model`."""
        with self._changed:
            self._scripts[model].extend(replies)
            self._gates += [reply.gate for reply in replies if isinstance(reply, Reply) and reply.gate is not None]

    def billed(self, *, titles: bool = False) -> tuple[Bill, ...]:
        """Return the requests that were answered to the end, oldest first; `titles` adds the title requests."""
        with self._changed:
            return tuple(bill for bill in self._bills if titles or bill.model != TITLE_MODEL)

    def broken_off(self) -> tuple[Bill, ...]:
        """Return what the replies would have cost that began and did not end (yet), titles left out."""
        with self._changed:
            return tuple((Counter(self._begun) - Counter(self._bills)).elements())

    def wait_for_requests(self, count: int, timeout: float = 60.0) -> None:
        """Return once `count` requests other than titles have arrived since the start; raise AssertionError if they do not."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self._asked) >= count, timeout)
            assert arrived, f"{len(self._asked)} of {count} requests reached the provider in {timeout} s"

    def requests(self) -> int:
        """Return how many requests arrived, without titles."""
        with self._changed:
            return len(self._asked)

    def next_reply(self, model: str) -> Reply | Refusal:
        """Take the next scripted answer. A model without a script is refused, so that a forgotten one fails the test."""
        if model == TITLE_MODEL:
            return Reply(Usage(prompt=211, completion=7), text="A title")
        with self._changed:
            script = self._scripts[model]
            reply = script.popleft() if script else Refusal(400, f"nothing is scripted for {model}")
            self._asked.append(model)
            if isinstance(reply, Reply):
                self._begun.append(Bill(model, reply.usage))
            self._changed.notify_all()
        return reply

    def charge(self, bill: Bill) -> None:
        """Note what a reply cost, before its last bytes leave."""
        with self._changed:
            self._bills.append(bill)
            self._changed.notify_all()

    def wait_at(self, gate: threading.Event) -> bool:
        """Hold a reply back until its gate opens. False when the server closed first: the reply then never ends."""
        return gate.wait(GATE_TIMEOUT_S) and not self._closed.is_set()


def _endpoint(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Endpoint(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"  # the end of the connection ends the stream: no chunked encoding to get wrong

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            reply = provider.next_reply(request["model"])
            if isinstance(reply, Refusal):
                self._refuse(reply)
                return
            try:
                self._stream(request["model"], reply)
            except (BrokenPipeError, ConnectionResetError):
                return  # OpenCode was killed or gave up: nothing more is billed

        def _refuse(self, refusal: Refusal) -> None:
            body = json.dumps({"error": {"message": refusal.message, "type": "invalid_request_error"}}).encode()
            self.send_response(refusal.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self, model: str, reply: Reply) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            first, *rest = chunks(model, reply)
            self._send(first)
            if reply.gate is not None and not provider.wait_at(reply.gate):
                return
            provider.charge(Bill(model, reply.usage))
            for chunk in rest:
                self._send(chunk)
            self.wfile.write(b"data: [DONE]\n\n")

        def _send(self, chunk: dict[str, Any]) -> None:
            self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            """Silence: pytest's output is the test's."""

    return Endpoint


def chunks(model: str, reply: Reply) -> Iterator[dict[str, Any]]:
    """The reply as `chat.completion.chunk` objects: role, text, tool calls, finish reason, usage."""
    envelope = {"id": "chatcmpl-made", "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": reply.text}] if reply.text else []
    deltas += [{"tool_calls": [_call(index, call)]} for index, call in enumerate(reply.tools)]
    for delta in deltas:
        yield envelope | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    finish = "tool_calls" if reply.tools else "stop"
    yield envelope | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    yield envelope | {"choices": [], "usage": _usage(reply.usage)}


def _call(index: int, call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": json.dumps(dict(call.arguments))}
    return {"index": index, "id": f"call_{index}_{time.monotonic_ns():x}", "type": "function", "function": function}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }

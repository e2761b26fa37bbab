"""An export as a generator: it yields each request and is given the backend's answer. It owns no network.

Whoever drives it decides in which thread a request is sent. ``agent.loop`` gives each request to a thread of its own, and
counts until the answer is there. ``drive`` does one after the other. Between a request and its answer the ledger may change.
So an export notes only what it sent, and never what a row holds when the answer comes.
"""

from collections.abc import Callable, Generator
from typing import TypeVar

from otel_agent.export.send_summary import SendSummary
from otel_agent.model import SendResult

Data = TypeVar("Data")
Result = TypeVar("Result")

Requests = Generator[Data, SendResult, Result]
"""A generator that yields the content of requests, is sent their results, and returns what came of all of them."""
Export = Generator[Data, SendResult, SendSummary]
"""The requests of a whole export."""


def drive(requests: Requests[Data, Result], send: Callable[[Data], SendResult]) -> Result:
    """Send these requests, one after the other, in this thread. Return what the generator returns."""
    try:
        data = next(requests)
        while True:
            data = requests.send(send(data))
    except StopIteration as ended:
        result: Result = ended.value
        return result


def attempt(send: Callable[[Data], SendResult], data: Data) -> SendResult:
    """Send one request. Whatever is raised becomes a result: content that breaks an exporter is at fault itself.

    It then is isolated as what a backend rejects is. Nobody knows how far the exporter came, so the delivery is unknown.
    """
    try:
        return send(data)
    except Exception as error:  # noqa: BLE001 - one item must not end the agent
        # The type alone: the text may quote content.
        return SendResult(
            accepted=False, permanent=True, unanswered=True, reason=f"it cannot be sent ({type(error).__name__})"
        )

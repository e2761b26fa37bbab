"""Spans and points as the bytes of an OTLP request, by the SDK's encoders.

What cannot be encoded never will be, whoever the backend is. So it is a permanent rejection: the request is halved until the
value at fault is alone, and the others arrive.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from google.protobuf.message import Message
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.model import SendResult

NOT_ENCODED: Final = "cannot be written as OTLP"
"""The words in the reason of such a result, by which ``advice`` knows it."""

Request = TypeVar("Request", bound=Message)


class NotEncodable(Exception):
    """A value is beyond what OTLP can carry: a time before 1970, an integer of more than 64 bits, half a character."""

    def __init__(self, cause: Exception | None) -> None:
        """``cause`` is the encoder's error. Its text is left out, because it may quote what somebody wrote."""
        kind = f" ({type(cause).__name__})" if cause else " (an attribute)"
        super().__init__(f"a value {NOT_ENCODED}{kind}; the backend was not asked")

    @property
    def result(self) -> SendResult:
        """The result of a request that was never made."""
        return SendResult(accepted=False, permanent=True, reason=str(self))


def spans_request(spans: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
    """Return the request with these spans. Raises ``NotEncodable``."""
    return _encoded(encode_spans, spans, (span.resource for span in spans))


def metrics_request(data: MetricsData) -> ExportMetricsServiceRequest:
    """Return the request with these points. Raises ``NotEncodable``."""
    return _encoded(encode_metrics, data, (each.resource for each in data.resource_metrics))


def to_bytes(request: Message) -> bytes:
    """Return the request as it goes over the wire. Raises ``NotEncodable`` for one of more than 2 GiB."""
    try:
        return request.SerializeToString()
    except Exception as error:  # noqa: BLE001 - protobuf's errors have no common kind
        raise NotEncodable(error) from None


class _LeftOut(logging.Filter):
    """Notices attributes that the SDK leaves out. It only logs them, with their values: that is kept from the log, too."""

    def __init__(self) -> None:
        super().__init__()
        self._here = threading.local()

    def begin(self) -> None:
        self._here.keys = set()

    @property
    def keys(self) -> set[str]:
        """The names of the attributes that were left out in this thread since ``begin``."""
        return getattr(self._here, "keys", set())

    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args if isinstance(record.args, tuple) else ()
        self.keys.add(str(arguments[0]) if arguments else "")
        return False


_left_out: Final = _LeftOut()
logging.getLogger("opentelemetry.exporter.otlp.proto.common._internal").addFilter(_left_out)


def _encoded(encode: Callable[[Any], Request], items: Any, resources: Iterable[Resource]) -> Request:
    _left_out.begin()
    try:
        request = encode(items)
    except Exception as error:  # noqa: BLE001 - for the same reason
        # Whatever goes wrong here would go wrong again, and must not end the thread that delivers.
        raise NotEncodable(error) from None
    # A point without one of its attributes is a point of another series. Those of the resource are the same for all:
    # what a person wrote there into a variable must not hold up everything.
    if _left_out.keys and _left_out.keys - {key for resource in resources for key in resource.attributes}:
        raise NotEncodable(None)
    return request

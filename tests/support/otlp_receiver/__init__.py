"""A real OTLP backend inside the test process: HTTP and gRPC servers on the loopback interface that decode protobuf.

A test uses it like this::

    with OtlpReceiver() as receiver:
        receiver.behave(unavailable(), drop())  # for the next two requests; the later ones are accepted
        run_the_exporter(receiver.endpoint)  # or receiver.grpc_endpoint
        receiver.wait_for(lambda r: r.total("opencode.message.count") == 3)
"""

from tests.support.otlp_receiver.behaviours import (
    Behaviour,
    accept,
    accept_empty_body,
    bad_request,
    drop,
    endless_body,
    garbage_body,
    hang,
    json_accept,
    no_content,
    not_modified,
    partial,
    portal,
    redirect,
    throttled,
    unauthorized,
    unavailable,
)
from tests.support.otlp_receiver.receiver import OtlpReceiver, chats_of, kept
from tests.support.otlp_receiver.rows import PointRow, SpanRow
from tests.support.otlp_receiver.tls import Authority, TlsFiles
from tests.support.otlp_receiver.wire import Received

__all__ = [
    "Authority",
    "Behaviour",
    "OtlpReceiver",
    "PointRow",
    "Received",
    "SpanRow",
    "TlsFiles",
    "accept",
    "accept_empty_body",
    "bad_request",
    "chats_of",
    "drop",
    "endless_body",
    "garbage_body",
    "hang",
    "json_accept",
    "kept",
    "no_content",
    "not_modified",
    "partial",
    "portal",
    "redirect",
    "throttled",
    "unauthorized",
    "unavailable",
]

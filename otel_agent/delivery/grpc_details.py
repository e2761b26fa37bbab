"""What gRPC knows beside a status: if a channel is connected, and when a server wants to be asked again."""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from otel_agent.delivery.retry import bounded

_LOOK_SECONDS: Final = 0.2
"""The longest wait for another state of a channel. If another thread closes the channel, that does not end such a wait."""
_READY: Final = grpc.ChannelConnectivity.READY.value[0]
_AT_REST: Final = (
    _READY,
    grpc.ChannelConnectivity.TRANSIENT_FAILURE.value[0],
    grpc.ChannelConnectivity.SHUTDOWN.value[0],
)


def connected(channel: grpc.Channel, deadline: float) -> bool:
    """Connect, and return True once that is done, False if it failed or the deadline on the monotonic clock is over.

    Raises ``ValueError`` if another thread closes the channel meanwhile. The public way, ``subscribe``, starts a thread
    that prints a traceback then. If a later gRPC has none of this any more, every channel counts as connected.
    """
    inner: Any = getattr(channel, "_channel", None)
    if not hasattr(inner, "check_connectivity_state"):
        return True
    state = inner.check_connectivity_state(True)
    while state not in _AT_REST:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return False
        inner.watch_connectivity_state(state, time.time() + min(remaining, _LOOK_SECONDS))
        state = inner.check_connectivity_state(True)
    return bool(state == _READY)


def asked_pause(metadata: Iterable[tuple[str, str | bytes]] | None) -> float | None:
    """Return the seconds of ``RetryInfo`` in the trailers, at most a day; ``None`` without one or for nonsense."""
    for name, value in metadata or ():
        if isinstance(value, bytes):
            with suppress(DecodeError, ValueError):
                if name == "google.rpc.retryinfo-bin":
                    return _seconds(RetryInfo.FromString(value))
                if name == "grpc-status-details-bin":
                    for detail in Status.FromString(value).details:
                        info = RetryInfo()
                        if detail.Unpack(info):
                            return _seconds(info)
    return None


def _seconds(info: RetryInfo) -> float | None:
    return bounded(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)

"""OTLP over gRPC, served as plain bytes, so that it can receive and send bytes that are not protobuf."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from tests.support.otlp_receiver.behaviours import Refusal, Silence
from tests.support.otlp_receiver.tls import TlsFiles
from tests.support.otlp_receiver.wire import Intake, Malformed, Signal, decode

SERVICE_OF_SIGNAL: dict[Signal, str] = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
# Each hanging call keeps a thread; a test hangs a few at most.
WORKERS = 16
Export = Callable[[bytes, grpc.ServicerContext], bytes]


class GrpcServer:
    """Listens on 127.0.0.1; port 0 is any free one. If `client_ca` is given, clients need a certificate of it."""

    def __init__(self, intake: Intake, port: int, tls: TlsFiles | None, client_ca: Path | None) -> None:
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="otlp-grpc")
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
        self._server = grpc.server(self._workers, options=options)
        for signal, service in SERVICE_OF_SIGNAL.items():
            method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(_export(intake, signal))
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": method}),))
        self._scheme = "https" if tls else "http"
        self._port = self._listen(f"127.0.0.1:{port}", tls, client_ca)
        self._server.start()

    @property
    def endpoint(self) -> str:
        """Return the URL for a client."""
        return f"{self._scheme}://127.0.0.1:{self._port}"

    def close(self) -> None:
        """Stop listening, end every call, and wait for every thread."""
        self._server.stop(grace=None).wait()
        self._workers.shutdown()

    def _listen(self, address: str, tls: TlsFiles | None, client_ca: Path | None) -> int:
        if tls is None:
            return self._server.add_insecure_port(address)
        credentials = grpc.ssl_server_credentials(
            [(tls.key.read_bytes(), tls.certificate.read_bytes())],
            root_certificates=client_ca.read_bytes() if client_ca else None,
            require_client_auth=client_ca is not None,
        )
        return self._server.add_secure_port(address, credentials)


def _export(intake: Intake, signal: Signal) -> Export:
    def export(body: bytes, call: grpc.ServicerContext) -> bytes:
        try:
            answer = intake.admit(signal, "grpc", _headers(call), decode(signal, body)).grpc
        except Malformed as malformed:
            intake.note_malformed(f"{signal} over gRPC: {malformed}")
            answer = Refusal("INVALID_ARGUMENT")
        match answer:
            case bytes():
                return answer
            case Silence(seconds):
                intake.closing.wait(seconds)
                _refuse(call, Refusal("UNAVAILABLE"))
            case Refusal():
                _refuse(call, answer)

    return export


def _headers(call: grpc.ServicerContext) -> dict[str, str]:
    metadata = call.invocation_metadata()
    return {key: value.hex() if isinstance(value, bytes) else value for key, value in metadata}


def _refuse(call: grpc.ServicerContext, refusal: Refusal) -> NoReturn:
    code = grpc.StatusCode[refusal.code]
    if refusal.retry_after_seconds is not None:
        call.set_trailing_metadata(_retry_after(code, refusal.retry_after_seconds))
    call.abort(code, f"the receiver answers {refusal.code}")


def _retry_after(code: grpc.StatusCode, seconds: int) -> tuple[tuple[str, bytes], ...]:
    """Return RetryInfo in the status' details, as the protocol says, and in the place that the Python SDK reads."""
    retry = RetryInfo()
    retry.retry_delay.seconds = seconds
    packed = AnyMessage()
    packed.Pack(retry)
    status = Status(code=code.value[0], details=[packed])
    return (
        ("grpc-status-details-bin", status.SerializeToString()),
        ("google.rpc.retryinfo-bin", retry.SerializeToString()),
    )

"""A gRPC server for spans whose address and limit a test chooses."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


@contextmanager
def serving(accepted: list[str], *, address: str = "127.0.0.1:0", most_bytes: int = 1 << 20) -> Iterator[str]:
    """Yield the endpoint of a server that takes requests up to this size. Names of accepted spans go into the list."""

    def export(body: bytes, _: grpc.ServicerContext) -> bytes:
        request = ExportTraceServiceRequest.FromString(body)
        scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
        accepted.extend(each.name for scope in scopes for each in scope.spans)
        return b""

    workers = ThreadPoolExecutor(2)
    server = grpc.server(workers, options=[("grpc.max_receive_message_length", most_bytes)])
    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(export)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Export": method}),))
    port = server.add_insecure_port(address)
    server.start()
    yield address if address.startswith("unix:") else f"http://127.0.0.1:{port}"
    server.stop(grace=None).wait()
    workers.shutdown()

"""Opens the exporter that a setting names. Each is imported only when it is chosen: gRPC alone costs 20 MB of memory."""

from pathlib import Path

from msgspec import Struct

from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.delivery.ports import MetricDelivery, SpanDelivery
from otel_agent.errors import SettingsError


class FileOptions(Struct, frozen=True):
    """The settings of the exporter ``file``: it keeps ``backups`` older files of ``max_bytes`` each in ``folder``."""

    folder: Path
    max_bytes: int
    backups: int


def deliveries(
    *, traces: str, metrics: str, otlp: OtlpOptions, file: FileOptions
) -> tuple[SpanDelivery | None, MetricDelivery | None]:
    """Open both exporters; ``None`` is the exporter ``none``. Raises ``SettingsError`` if the options cannot work."""
    try:
        return _spans(traces, otlp, file), _metrics(metrics, otlp, file)
    except OSError as error:
        raise SettingsError(f"cannot read {error.filename}: {error.strerror}.") from None
    except ValueError as error:
        raise SettingsError(f"a variable OTEL_EXPORTER_OTLP_* has a value that cannot be used: {error}.") from None


def _spans(exporter: str, otlp: OtlpOptions, file: FileOptions) -> SpanDelivery | None:
    match exporter:
        case "console":
            from otel_agent.delivery.console import ConsoleSpans

            return ConsoleSpans()
        case "file":
            from otel_agent.delivery.otlp_file import FileSpans

            return FileSpans(file.folder, max_bytes=file.max_bytes, backups=file.backups)
        case "none":
            return None
    otlp.check("traces")
    if otlp.protocol_of("traces") == "grpc":
        from otel_agent.delivery.otlp_grpc import GrpcSpans

        return GrpcSpans(otlp)
    from otel_agent.delivery.otlp_http import HttpSpans

    return HttpSpans(otlp)


def _metrics(exporter: str, otlp: OtlpOptions, file: FileOptions) -> MetricDelivery | None:
    match exporter:
        case "console":
            from otel_agent.delivery.console import ConsoleMetrics

            return ConsoleMetrics()
        case "file":
            from otel_agent.delivery.otlp_file import FileMetrics

            return FileMetrics(file.folder, max_bytes=file.max_bytes, backups=file.backups)
        case "none":
            return None
    otlp.check("metrics")
    if otlp.protocol_of("metrics") == "grpc":
        from otel_agent.delivery.otlp_grpc import GrpcMetrics

        return GrpcMetrics(otlp)
    from otel_agent.delivery.otlp_http import HttpMetrics

    return HttpMetrics(otlp)

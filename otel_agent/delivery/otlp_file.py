"""OTLP/JSON lines in files, in the form that the Collector's OTLP JSON file receiver reads.

Each line is one request. Identifiers are in hex and 64-bit integers are strings, as the OTLP specification wants it. A
line counts as accepted once it is on the disk.
"""

import json
import os
from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message as ProtobufMessage
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.delivery.encoding import NotEncodable, metrics_request, spans_request
from otel_agent.model import SendResult
from otel_agent.private_files import make_private_folder, open_private

MAX_LINE: Final = 1_000_000
"""Bytes. The Collector's file readers cut a line at 1 MiB by default."""
_TRACES: Final = "traces.jsonl"
_METRICS: Final = "metrics.jsonl"
_HEX_KEYS: Final = frozenset({"traceId", "spanId", "parentSpanId"})


class RotatedLines:
    """Appends lines to a file that only its owner may read.

    A file of ``max_bytes`` becomes ``<name>.1``, the one before ``.2``, and so on up to ``backups``. The oldest file is
    deleted, whether or not somebody has read it.
    """

    def __init__(self, path: Path, *, max_bytes: int, backups: int) -> None:
        self._path, self._max_bytes, self._backups = path, max_bytes, backups

    def append(self, line: bytes) -> None:
        """Write one whole line and wait for the disk. If that raises ``OSError``, the file ends as it did before."""
        make_private_folder(self._path.parent)
        self._rotate_for(len(line) + 1)
        descriptor = open_private(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            before = os.fstat(descriptor).st_size
            try:
                self._write(descriptor, self._separator(descriptor, before) + line + b"\n")
                os.fsync(descriptor)
            except OSError:
                # Half a line would be sent again as a whole, and a reader would stumble over the half.
                with suppress(OSError):
                    os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)

    def _separator(self, descriptor: int, size: int) -> bytes:
        """Return a line break if a kill left an unfinished line: readers skip that, and its data is written again."""
        return b"" if not size or os.pread(descriptor, 1, size - 1) == b"\n" else b"\n"

    def _write(self, descriptor: int, rest: bytes) -> None:
        # A nearly full disk writes less than it was given, and raises only at the next try.
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def _rotate_for(self, size: int) -> None:
        # What is no file is not moved: ``append`` says what it is.
        if self._path.is_symlink() or not self._path.is_file():
            return
        if self._path.stat().st_size + size <= self._max_bytes:
            return
        # From the oldest on, so that no file is moved over one that is still to be kept.
        for number in range(self._backups, 0, -1):
            older = self._numbered(number - 1) if number > 1 else self._path
            if os.path.lexists(older):
                older.replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class FileSpans:
    """Appends spans to ``traces.jsonl``."""

    def __init__(self, folder: Path, *, max_bytes: int, backups: int) -> None:
        self._lines = RotatedLines(folder / _TRACES, max_bytes=max_bytes, backups=backups)

    def send(self, spans: Sequence[ReadableSpan]) -> SendResult:
        """Append one line. A line that is longer than readers accept is rejected permanently, so it is sent in halves."""
        try:
            return _append(self._lines, spans_request(spans))
        except NotEncodable as error:
            return error.result

    def close(self) -> None:
        """Do nothing: no file is open between two lines."""


class FileMetrics:
    """Appends data points to ``metrics.jsonl``."""

    def __init__(self, folder: Path, *, max_bytes: int, backups: int) -> None:
        self._lines = RotatedLines(folder / _METRICS, max_bytes=max_bytes, backups=backups)

    def send(self, data: MetricsData) -> SendResult:
        """Append one line. A line that is longer than readers accept is rejected permanently, so it is sent in halves."""
        try:
            return _append(self._lines, metrics_request(data))
        except NotEncodable as error:
            return error.result

    def close(self) -> None:
        """Do nothing: no file is open between two lines."""


def _append(lines: RotatedLines, request: ProtobufMessage) -> SendResult:
    content = MessageToDict(request, use_integers_for_enums=True)
    line = json.dumps(_with_hex_ids(content), separators=(",", ":"), ensure_ascii=False).encode()
    if len(line) > MAX_LINE:
        return SendResult(accepted=False, permanent=True, reason=f"more than {MAX_LINE} bytes in a line")
    try:
        lines.append(line)
    except OSError as error:
        return SendResult(accepted=False, reason=_failure(error))
    return SendResult(accepted=True)


def _failure(error: OSError) -> str:
    return f"{error.strerror}: the export file {error.filename or ''}".rstrip()


def try_out(folder: Path) -> str:
    """Write a file into the folder and remove it. Return the reason why spans and points cannot be written, or nothing."""
    new, trial = [each for each in (folder, *folder.parents) if not each.exists()], folder / ".otel-agent-trial"
    try:
        make_private_folder(folder)
        for name in (_TRACES, _METRICS):
            if os.path.lexists(folder / name):
                os.close(open_private(folder / name, os.O_RDWR | os.O_APPEND))
        descriptor = open_private(trial, os.O_RDWR | os.O_CREAT)
        try:
            os.write(descriptor, b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            trial.unlink()
    except OSError as error:
        return _failure(error)
    finally:
        with suppress(OSError):
            for each in new:
                each.rmdir()
    return ""


def _with_hex_ids(value: Any) -> Any:
    """Return the same value with identifiers in hex: Protobuf's JSON has all bytes in base64, OTLP's has these in hex."""
    if isinstance(value, dict):
        return {k: b64decode(v).hex() if k in _HEX_KEYS else _with_hex_ids(v) for k, v in value.items()}
    return [_with_hex_ids(each) for each in value] if isinstance(value, list) else value

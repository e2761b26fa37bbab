"""What the doctor says of the way to the backend, beyond whether a request was accepted."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import trustme

from otel_agent.delivery import probe
from otel_agent.doctor import backend_checks
from otel_agent.doctor.finding import Finding, Verdict
from otel_agent.settings import Settings
from tests.delivery.lying_server import LyingServer, answered
from tests.support.otlp_receiver import Authority, OtlpReceiver
from tests.support.otlp_receiver.tls import TlsFiles


def verdicts(monkeypatch: pytest.MonkeyPatch, endpoint: str, **variables: str) -> list[Finding]:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return list(backend_checks.delivery(Settings(), "traces"))


@pytest.mark.parametrize(("hours", "seen"), [(-1, "3600 s ahead of"), (1, "3600 s behind"), (0, None)])
def test_a_clock_that_differs_from_the_backends_is_a_warning_with_its_direction(
    hours: int, seen: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    reply = answered(f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n".encode())
    with LyingServer(lambda visit: None, reply) as server:  # the first connection only finds out if somebody listens
        (clock,) = [each for each in verdicts(monkeypatch, server.endpoint) if each.link == "clock"]
    if seen is None:
        assert clock.verdict is Verdict.OK
    else:
        direction = seen.partition(" s ")[2]
        assert clock.verdict is Verdict.WARNING
        assert direction in clock.seen
        assert 3590 < int(clock.seen.partition("clock is ")[2].partition(" s ")[0]) < 3660


def expiring(authority: Authority, days: int) -> TlsFiles:
    """A certificate of the loopback interface that is valid for so many days and a few hours."""
    made: trustme.CA = authority._authority
    issued = made.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=days, hours=5))
    files = TlsFiles(authority.certificate.with_name("server.pem"), authority.certificate.with_name("server.key"))
    issued.private_key_pem.write_to_path(files.key)
    issued.cert_chain_pems[0].write_to_path(files.certificate)
    return files


@pytest.mark.parametrize(
    ("days", "verdict"), [(5, Verdict.WARNING), (13, Verdict.WARNING), (14, Verdict.OK), (90, Verdict.OK)]
)
def test_a_certificate_that_expires_within_two_weeks_is_a_warning(
    days: int, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path / "authority")
    with OtlpReceiver(tls=expiring(authority, days)) as receiver:
        found = verdicts(monkeypatch, receiver.endpoint, OTEL_EXPORTER_OTLP_CERTIFICATE=str(authority.certificate))
    (certificate,) = [each for each in found if "certificate" in each.seen]
    assert certificate.verdict is verdict
    assert certificate.seen == f"the certificate of 127.0.0.1 is valid for {days} more days"


def test_a_grpc_address_without_a_port_is_tried_at_the_port_of_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    (failure,) = verdicts(monkeypatch, "http://no-such-host.invalid")
    assert failure.verdict is Verdict.FAILURE
    failure = verdicts(monkeypatch, "http://127.0.0.2")[0]
    assert "127.0.0.2:4317: " in failure.seen


@pytest.mark.parametrize(
    ("spared", "warned"),
    [("", True), ("other.example", True), ("*", False), ("127.0.0.1", False), ("localhost,127.0.0.1", False)],
)
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_for_a_backend_on_this_machine_is_a_warning_unless_no_proxy_spares_it(
    name: str, spared: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setenv(name, "http://me:secret@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", spared)
    found = list(backend_checks.proxy(Settings()))
    assert [each.verdict for each in found] == [Verdict.WARNING] * warned
    assert all(each.seen.startswith("proxy.example:3128 is the proxy for 127.0.0.1") for each in found)


def test_a_proxy_for_a_backend_elsewhere_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://backend.example:4318")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert list(backend_checks.proxy(Settings())) == []


@pytest.mark.parametrize("proxy", ["http://proxy:port", "http://", "http://[::1"])
def test_a_proxy_with_a_wrong_address_is_named(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (failure,) = verdicts(monkeypatch, "http://backend.example:4318", HTTP_PROXY=proxy)
    assert failure.verdict is Verdict.FAILURE
    assert "HTTP_PROXY" in failure.seen
    assert "is no address of a proxy such as http://proxy:3128." in failure.seen


def test_a_port_that_does_not_speak_http_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with LyingServer(lambda visit: visit.say(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\r\n")) as server:
        (failure,) = verdicts(monkeypatch, server.endpoint)
    assert "does not speak HTTP" in failure.seen
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=grpc" in failure.advice


def test_a_tls_handshake_that_trickles_is_a_failure_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes long before the timeout for one read."""
    monkeypatch.setattr(probe, "PATIENCE_SECONDS", 0.5)
    with LyingServer(lambda visit: visit.trickle(itertools.cycle(b"\x16\x03\x01\x40\x00"))) as server:
        (failure,) = verdicts(monkeypatch, server.endpoint.replace("http:", "https:"))
    assert "TLS failed (no answer in time)" in failure.seen

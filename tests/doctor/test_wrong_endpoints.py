"""`otel-agent doctor` says what a living but wrong endpoint is, and what to do, in less time than anybody waits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from otel_agent.delivery.probe import Reached
from otel_agent.doctor import backend_checks
from otel_agent.doctor.examine import examine
from otel_agent.doctor.finding import Finding, Verdict
from otel_agent.settings import Settings, load
from tests.delivery.lying_server import LyingServer, Talk, answered
from tests.support.otlp_receiver import Authority, OtlpReceiver
from tests.support.shell import Shell

NO_TLS = "begin the address with http://"
USE_TLS = "Begin the address with https://"
USE_GRPC = "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"
USE_HTTP = "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Look at no data of this user."""
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))


@pytest.fixture(scope="module")
def receivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Yield the addresses of a backend for HTTP and gRPC, plain and over TLS, and the path of its authority."""
    authority = Authority(tmp_path_factory.mktemp("authority") / "authority")
    with ExitStack() as open_:
        plain = open_.enter_context(OtlpReceiver())
        safe = open_.enter_context(OtlpReceiver(tls=authority.issue("server")))
        yield {
            "http": plain.endpoint,
            "grpc": plain.grpc_endpoint,
            "https": safe.endpoint,
            "grpcs": safe.grpc_endpoint,
            "authority": str(authority.certificate),
        }


def verdict(monkeypatch: pytest.MonkeyPatch, endpoint: str, **variables: str) -> Finding:
    """Return the only failure of the traces."""
    for name, value in {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **variables}.items():
        monkeypatch.setenv(name, value)
    found = list(backend_checks.delivery(Settings(), "traces"))
    (failure,) = [each for each in found if each.verdict is Verdict.FAILURE]
    return failure


@pytest.mark.parametrize(
    ("asked", "there", "seen", "advice"),
    [
        ("http", "grpc", "speaks gRPC, and does not speak HTTP", [USE_GRPC]),
        ("grpc", "http", "speaks HTTP, and not the gRPC that was asked", [USE_HTTP]),
        ("https", "http", "HTTP without TLS is spoken", [NO_TLS]),
        ("https", "grpc", "gRPC without TLS is spoken", [NO_TLS, USE_GRPC]),
        ("grpcs", "grpc", "gRPC without TLS is spoken", [NO_TLS]),
        ("grpcs", "http", "HTTP without TLS is spoken", [NO_TLS, USE_HTTP]),
        ("http", "https", "speaks TLS and was asked without it", [USE_TLS]),
        ("grpc", "grpcs", "speaks TLS and was asked without it", [USE_TLS]),
        ("https", "grpcs", "speaks gRPC, and does not speak HTTP", [USE_GRPC]),
        ("grpcs", "https", "speaks HTTP, and not the gRPC that was asked", [USE_HTTP]),
    ],
)
def test_another_protocol_than_the_one_that_was_asked_is_named(
    receivers: dict[str, str],
    asked: str,
    there: str,
    seen: str,
    advice: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheme = "https" if asked in ("https", "grpcs") else "http"
    endpoint = f"{scheme}://{receivers[there].partition('://')[2]}"
    protocol = "grpc" if asked.startswith("grpc") else "http/protobuf"
    failure = verdict(
        monkeypatch,
        endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_CERTIFICATE=receivers["authority"],
    )
    assert seen in failure.seen
    assert [words for words in advice if words not in failure.advice] == []
    other = USE_HTTP if protocol == "grpc" else USE_GRPC
    assert (other in failure.advice) == (other in advice)


@pytest.mark.parametrize("there", ["https", "grpcs"])
def test_an_authority_that_nobody_here_knows_is_named(
    receivers: dict[str, str], there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = "grpc" if there == "grpcs" else "http/protobuf"
    failure = verdict(monkeypatch, receivers[there], OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
    assert "TLS failed (" in failure.seen
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE to the PEM file of the authority that signed" in failure.advice


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("401 Unauthorized", "Check the key"),
        ("403 Forbidden", "Check the key"),
        ("404 Not Found", "Check the path"),
        ("429 Too Many Requests", "Check its quota"),
        ("500 Internal Server Error", "look into its log"),
    ],
)
def test_a_status_is_said_with_what_to_do(line: str, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with LyingServer(lambda visit: None, status(line)) as server:
        failure = verdict(monkeypatch, server.endpoint)
    assert f"HTTP {line}" in failure.seen
    assert advice in failure.advice


def status(line: str) -> Talk:
    return answered(f"HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n".encode())


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_program_that_never_answers_is_said_to_hang(
    protocol: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend_checks, "SECONDS", 1.6)
    monkeypatch.setattr("otel_agent.delivery.probe.PATIENCE_SECONDS", 0.5)
    with LyingServer(lambda visit: visit.wait()) as server:
        endpoint = server.endpoint.replace("http:", f"{scheme}:")
        failure = verdict(monkeypatch, endpoint, OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
    assert "no answer in time" in failure.seen
    if scheme == "http":
        assert "hangs" in failure.advice


@pytest.mark.parametrize("line", ["403 Forbidden", "407 Proxy Authentication Required", "502 Bad Gateway"])
def test_a_proxy_that_refuses_is_the_one_that_is_named(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with LyingServer(lambda visit: None, status(line)) as server:
        where = server.endpoint.partition("://")[2]
        failure = verdict(monkeypatch, "http://backend.example:4318", HTTP_PROXY=server.endpoint)
    assert f"by way of the proxy {where}" in failure.seen
    assert "HTTP_PROXY" in failure.advice
    assert "NO_PROXY" in failure.advice


def test_what_hangs_is_named_and_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both signals and a check of this machine hang, and each is named; the checks beside them are made."""
    monkeypatch.setattr(backend_checks, "SECONDS", 1.5)
    monkeypatch.setattr("otel_agent.delivery.probe.PATIENCE_SECONDS", 0.5)
    with LyingServer(lambda visit: visit.wait()) as server:

        def stuck(_: object) -> Iterator[Finding]:
            server._closing.wait()
            yield from ()

        monkeypatch.setattr("otel_agent.doctor.opencode_checks.stores", stuck)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.endpoint)
        found = list(examine(load))
    of = {each.link: each for each in found}
    assert of["store"].seen == "the check did not end in time"
    assert of["store"].verdict is Verdict.FAILURE
    assert "disk" in of["OpenCode releases"].seen
    assert of["OpenCode releases"].verdict is Verdict.SKIPPED
    assert {of["traces"].verdict, of["metrics"].verdict} == {Verdict.FAILURE}
    assert of["other telemetry"].verdict is Verdict.OK


class TestNobodyChoseABackend:
    def test_local_only_is_no_failure(self, tmp_path: Path) -> None:
        shell = Shell(tmp_path)
        run = shell.run("doctor", "--json", OTEL_AGENT_EXPORTER="none")
        found = {each["link"]: each for each in json.loads(run.stdout)}
        assert run.returncode == 0, run.stdout
        assert found["agent"]["verdict"] == "skipped"
        for signal in ("traces", "metrics"):
            assert found[signal]["verdict"] == "ok"
            assert "stay on this machine" in found[signal]["seen"]
        assert {each["verdict"] for each in found.values()} <= {"ok", "skipped", "warning"}

    def test_the_default_address_is_tried_and_its_absence_is_only_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            "otel_agent.doctor.backend_checks.reach", lambda host, port, *, trust: Reached(host, port, "refused")
        )
        (found,) = backend_checks.delivery(Settings(), "traces", expected=False)
        assert found.verdict is Verdict.SKIPPED
        assert "no backend is set" in found.seen
        assert "localhost:4318" in found.seen
        (found,) = backend_checks.delivery(Settings(), "traces")
        assert found.verdict is Verdict.FAILURE


@pytest.mark.parametrize("endpoint", ["http://[::1:1", "http://[bad]:4318", "https://[::1"])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_half_of_an_ipv6_address_is_said_to_be_none(
    endpoint: str, protocol: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    towards = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    run = shell.run("doctor", **towards)
    assert (run.returncode, run.stderr) == (1, "")
    assert "is no address such as http://localhost:4318" in " ".join(run.stdout.split())
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    assert list(backend_checks.proxy(Settings())) == []

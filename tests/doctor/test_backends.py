"""The doctor asks the backend as the delivery would: each signal at its address, by TLS, gRPC and a proxy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest

from tests.doctor.examined import examined, of, one, towards
from tests.support.forward_proxy import ForwardProxy
from tests.support.otlp_receiver import (
    Authority,
    Behaviour,
    OtlpReceiver,
    accept,
    bad_request,
    portal,
    redirect,
    unauthorized,
    unavailable,
)
from tests.support.otlp_receiver.behaviours import NOT_SOON
from tests.support.shell import Shell


@pytest.mark.parametrize(
    ("behaviour", "seen", "advice"),
    [
        (unauthorized(), "401", "Check the key"),
        (redirect("http://127.0.0.1:9/"), "HTTP 302", "no OTLP endpoint"),
        (portal(), "text/html", "accept_any_2xx = true"),
        (unavailable(NOT_SOON), "503", "Collector"),
        (bad_request(), "400", "Collector"),
    ],
)
def test_a_backend_that_does_not_accept_a_request_is_a_failure_with_advice(
    shell: Shell, receiver: OtlpReceiver, behaviour: Behaviour, seen: str, advice: str
) -> None:
    receiver.behave(then=behaviour)
    found = examined(shell, 1, **towards(receiver), OTEL_EXPORTER_OTLP_TIMEOUT="60000")
    for signal in ("traces", "metrics"):
        failure = one(found, signal, "failure")
        assert seen in failure["seen"]
        assert advice in failure["advice"]


def test_each_signal_is_checked_at_its_own_address(shell: Shell, receiver: OtlpReceiver) -> None:
    receiver.behave(then=accept())
    elsewhere = "http://no-such-host.invalid:4318/v1/metrics"
    found = examined(shell, 1, **towards(receiver), OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=elsewhere)
    assert one(found, "traces", "ok")
    assert "the name is not known" in one(found, "metrics", "failure")["seen"]


def test_a_backend_is_checked_over_grpc(shell: Shell, receiver: OtlpReceiver) -> None:
    grpc = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.grpc_endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    found = examined(shell, 0, **grpc)
    assert "(grpc)" in one(found, "traces", "ok")["seen"]
    assert {each.protocol for each in receiver.requests} == {"grpc"}


def test_a_certificate_of_an_unknown_authority_is_a_failure(shell: Shell, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    with OtlpReceiver(tls=authority.issue("server")) as receiver:
        found = examined(shell, 1, **towards(receiver))
        assert "TLS failed" in one(found, "traces", "failure")["seen"]
        found = examined(shell, 0, **towards(receiver), OTEL_EXPORTER_OTLP_CERTIFICATE=str(authority.certificate))
        seen = [each["seen"] for each in of(found, "traces") if each["verdict"] == "ok"]
        assert any("is valid for" in each for each in seen)


def test_https_to_a_port_without_tls_is_a_failure_with_advice(shell: Shell, receiver: OtlpReceiver) -> None:
    found = examined(shell, 1, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint.replace("http:", "https:"))
    assert "TLS failed" in one(found, "traces", "failure")["seen"]
    assert "https:// or http://" in one(found, "traces", "failure")["advice"]


def test_the_clock_is_compared_with_the_backends_of_both_signals(shell: Shell, receiver: OtlpReceiver) -> None:
    clocks = of(examined(shell, 0, **towards(receiver)), "clock")
    assert [each["verdict"] for each in clocks] == ["ok", "ok"]


def test_a_proxy_between_agent_and_local_backend_is_a_warning(shell: Shell, receiver: OtlpReceiver) -> None:
    proxied = towards(receiver) | {"HTTP_PROXY": "http://127.0.0.1:9"}
    assert "NO_PROXY" in one(examined(shell, 1, **proxied), "proxy", "warning")["advice"]
    assert of(examined(shell, 0, **proxied, NO_PROXY="localhost,127.0.0.1"), "proxy") == []


@pytest.mark.parametrize("kind", ["http", "socks"])
def test_a_backend_behind_a_proxy_is_asked_by_way_of_it(
    shell: Shell, receiver: OtlpReceiver, kind: Literal["http", "socks"]
) -> None:
    """Nothing else reaches it: a direct connection would be refused, and must not be reported."""
    with ForwardProxy(kind) as proxy:
        found = examined(shell, 0, **towards(receiver), ALL_PROXY=proxy.url, HTTP_PROXY=proxy.url)
        seen = one(found, "traces", "ok")["seen"]
        assert f"by way of the proxy {proxy.url.partition('://')[2]}" in seen
        assert set(proxy.targets) == {receiver.endpoint.partition("://")[2]}


def test_a_proxy_that_does_not_answer_is_the_failure(shell: Shell, receiver: OtlpReceiver, refusing: str) -> None:
    found = examined(shell, 1, **towards(receiver), HTTP_PROXY=f"http://me:s3cret@{refusing}")
    failure = one(found, "traces", "failure")
    assert failure["seen"] == f"{refusing}: Connection refused"
    assert f"by way of the proxy {refusing}" in failure["meaning"]
    assert "s3cret" not in json.dumps(found)


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_doctor_trusts_the_authorities_that_the_delivery_trusts(shell: Shell, tmp_path: Path, name: str) -> None:
    authority = Authority(tmp_path / "authority")
    with OtlpReceiver(tls=authority.issue("server")) as receiver:
        found = examined(shell, 0, **towards(receiver), **{name: str(authority.certificate)})
        assert {each["verdict"] for each in of(found, "traces")} == {"ok"}


def test_a_timeout_of_a_few_milliseconds_is_asked_about(shell: Shell, receiver: OtlpReceiver) -> None:
    found = examined(shell, 0, **towards(receiver), OTEL_EXPORTER_OTLP_TIMEOUT="10")
    assert "Then write 10000." in of(found, "timeout")[0]["seen"]
    assert one(found, "traces", "ok")


def test_a_header_that_is_meant_for_another_program_is_named_and_does_no_harm(
    shell: Shell, receiver: OtlpReceiver
) -> None:
    written = {"OTEL_EXPORTER_OTLP_HEADERS": "content-length=5,content-type=application/json"}
    found = examined(shell, 0, **towards(receiver), **written)
    assert {each["seen"].split(" is not sent")[0] for each in of(found, "headers")} == {
        "OTEL_EXPORTER_OTLP_HEADERS: content-length",
        "OTEL_EXPORTER_OTLP_HEADERS: content-type",
    }
    assert one(found, "traces", "ok")
    assert one(found, "metrics", "ok")

"""The question to a Prometheus goes to the address that a person named, and nowhere else."""

from __future__ import annotations

import pytest

from otel_agent.delivery.advice import advice
from otel_agent.delivery.prometheus import ask
from otel_agent.errors import NothingToVerify
from otel_agent.model import SendResult
from tests.delivery.lying_server import LyingServer, answered
from tests.delivery.senders import options, sender

NO_ROWS = b'{"status":"success","data":{"resultType":"vector","result":[]}}'
EMPTY = answered(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(NO_ROWS), NO_ROWS))


def test_a_prometheus_without_rows_answers() -> None:
    with LyingServer(EMPTY) as server:
        assert ask(server.endpoint, "up", timeout_seconds=10) == []


@pytest.mark.parametrize("address", ["me:secret@host:9090", "http://me:secret@127.0.0.1:1/p?key=secret"])
def test_no_password_or_key_of_the_address_is_shown(address: str) -> None:
    with pytest.raises(NothingToVerify, match="--prometheus ") as raised:
        ask(address, "up", timeout_seconds=10)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_an_answer_that_leads_elsewhere_is_not_followed(status: int) -> None:
    """A name and a password in the address would go there, too."""
    with LyingServer(EMPTY) as other:
        leads = b"HTTP/1.1 %d Over there\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n"
        with LyingServer(answered(leads % (status, other.endpoint.encode()))) as server:
            with pytest.raises(NothingToVerify, match=f"HTTP {status}, and no answer of Prometheus"):
                ask(server.endpoint.replace("//", "//me:secret@"), "up", timeout_seconds=10)
            assert (server.visits, other.visits) == (1, 0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"status":"success"}', "no answer of Prometheus"),
        (b'{"status":"success","data":null}', "no answer of Prometheus"),
        (b'{"status":"success","data":{"result":[1]}}', "no answer of Prometheus"),
        (b'{"status":"success","data":{"result":[{"metric":{},"values":[[1,"2"]]}]}}', "no answer of Prometheus"),
        (b'{"status":"success","data":{"result":[{"metric":{},"value":[1,"many"]}]}}', "no answer of Prometheus"),
        (b'{"status":"success","data":{"result":[{"metric":{},"value":[1,"NaN"]}]}}', "a value that is no number"),
        (b"[" * 100_000, "no answer of Prometheus"),
        (b'{"status":"error"}', "--prometheus"),
    ],
)
def test_an_answer_of_another_program_ends_with_a_sentence(body: bytes, said: str) -> None:
    reply = answered(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    with LyingServer(reply) as server, pytest.raises(NothingToVerify, match=said):
        ask(server.endpoint, "up", timeout_seconds=10)


def test_what_prometheus_says_is_one_line_without_control_characters() -> None:
    body = rb'{"status":"error","error":"\u001b[31mbad\nquery"}'
    reply = answered(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    with LyingServer(reply) as server, pytest.raises(NothingToVerify) as raised:
        ask(server.endpoint, "up", timeout_seconds=10)
    assert str(raised.value).endswith(": [31mbad query")


WRONG_PROXIES = ["http://", "http://me:secret@127.0.0.1:port", "http://[::1:3", "ftp://proxy:1", "http://proxy:99999"]


@pytest.mark.parametrize("proxy", WRONG_PROXIES)
def test_a_wrong_address_of_a_proxy_is_not_taken_for_that_of_prometheus(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(NothingToVerify, match="the address of the proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"):
        ask("http://prometheus.example:9090", "up", timeout_seconds=10)


def test_a_proxy_that_does_not_connect_is_not_taken_for_a_wrong_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with LyingServer(EMPTY) as gone:
        gone.listen_no_more()
    monkeypatch.setenv("HTTP_PROXY", gone.endpoint)
    with pytest.raises(NothingToVerify, match="the proxy did not connect"):
        ask("http://prometheus.example:9090", "up", timeout_seconds=10)


@pytest.mark.parametrize("proxy", WRONG_PROXIES)
def test_a_wrong_address_of_a_proxy_is_not_taken_for_that_of_a_backend(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with sender("traces", options("http", "http://backend.example:4318")) as send:
        result = send()
    assert result == SendResult(accepted=False, reason="the address of the proxy cannot be used")
    assert "HTTP_PROXY" in advice(result.reason)


@pytest.mark.parametrize("address", ["localhost:9090", "nonsense", "", "ftp://host:1"])
def test_what_is_no_address_is_said_with_an_example(address: str) -> None:
    with pytest.raises(NothingToVerify, match="no address such as http://localhost:9090"):
        ask(address, "up", timeout_seconds=10)

"""The question to a Prometheus goes to the address that a person named, and nowhere else."""

from __future__ import annotations

import pytest

from otel_agent.delivery.prometheus import ask
from otel_agent.errors import NothingToVerify
from tests.delivery.lying_server import LyingServer, answered

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


def test_a_wrong_address_of_a_proxy_is_not_taken_for_that_of_prometheus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://")
    with pytest.raises(NothingToVerify, match="the address of the proxy in HTTP_PROXY cannot be used"):
        ask("http://prometheus.example:9090", "up", timeout_seconds=10)


@pytest.mark.parametrize("address", ["localhost:9090", "nonsense", "", "ftp://host:1"])
def test_what_is_no_address_is_said_with_an_example(address: str) -> None:
    with pytest.raises(NothingToVerify, match="no address such as http://localhost:9090"):
        ask(address, "up", timeout_seconds=10)

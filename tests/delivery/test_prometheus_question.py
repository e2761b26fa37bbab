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

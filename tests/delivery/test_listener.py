"""What is called HTTP or gRPC has said so; another program that talks is neither, and is not silent."""

from __future__ import annotations

import pytest

from otel_agent.delivery.listener import Language, spoken_at
from tests.delivery.lying_server import ACCEPTED, LyingServer, Visit

SECONDS = 5.0


def mail(visit: Visit) -> None:
    """Greet as a mail server does, which speaks first and goes on waiting."""
    visit.say(b"220 mail.example ESMTP\r\n")
    visit.read_request()


def shell(visit: Visit) -> None:
    """Greet as an SSH server does, which closes the connection of whoever does not answer in kind."""
    visit.say(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")


@pytest.mark.parametrize("talk", [mail, shell])
def test_a_program_that_speaks_something_else_is_neither_http_nor_grpc(talk: object) -> None:
    assert callable(talk)
    with LyingServer(talk) as server:
        found = spoken_at("127.0.0.1", server.port, SECONDS)
    assert found.languages == frozenset()
    assert not found.silent
    assert not found.tls


def test_a_program_that_answers_in_http_speaks_http() -> None:
    with LyingServer(ACCEPTED) as server:
        found = spoken_at("127.0.0.1", server.port, SECONDS)
    assert found.languages == {Language.HTTP}
    assert found.only(Language.HTTP, Language.HTTPS)

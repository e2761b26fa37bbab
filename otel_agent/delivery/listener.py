"""Finds out what listens at an address that does not accept OTLP: HTTP, gRPC, either of them over TLS, or nothing that talks.

It greets in all four ways beside each other and sends no data. So a person reads what is there, and not only that
something else was expected.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from otel_agent.delivery.exchange import Exchange, current

_HEAD: Final = b"HEAD / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
"""What each gRPC client says first: HTTP/2's preface, and a frame SETTINGS without a setting."""
_SETTINGS: Final = 4
"""The kind of the frame that an HTTP/2 server says first."""
_FRAME_HEAD: Final = 9
_MOST_BYTES: Final = 64
"""Bytes of an answer that are read: the first ones say what it is."""


class Language(StrEnum):
    """What is spoken at an address."""

    HTTP = "HTTP"
    GRPC = "gRPC"
    HTTPS = "HTTP over TLS"
    GRPCS = "gRPC over TLS"


class Spoken(Struct, frozen=True):
    """What listens at an address."""

    languages: frozenset[Language]
    silent: bool
    """True if connections are accepted and no greeting is answered."""
    tls: bool
    """True if a handshake of TLS comes to its end, whoever signed the certificate."""

    def only(self, *languages: Language) -> bool:
        """Return true if one of these languages is spoken, and no other."""
        return bool(self.languages) and self.languages <= frozenset(languages)


def spoken_at(host: str, port: int, seconds: float) -> Spoken:
    """Return what is spoken at a port, as far as it shows in this time. Never raises for what the other side does."""
    head = _HEAD % host.encode("ascii", "replace")
    greetings = [
        _Greeting(Language.HTTP, head, ()),
        _Greeting(Language.GRPC, _PREFACE, ()),
        # A gRPC server closes a connection that does not ask for HTTP/2, so each language asks for its own.
        _Greeting(Language.HTTPS, head, ("http/1.1",)),
        _Greeting(Language.GRPCS, _PREFACE, ("h2",)),
    ]
    deadline = time.monotonic() + seconds
    threads = [threading.Thread(target=each.say, args=(host, port, deadline), daemon=True) for each in greetings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0) + 1)
    return Spoken(
        frozenset(each.language for each in greetings if each.understood),
        silent=all(each.connected and not each.answered for each in greetings),
        tls=any(each.shook_hands for each in greetings),
    )


class _Greeting:
    """One way to greet, and what came of it."""

    def __init__(self, language: Language, words: bytes, protocols: Sequence[str]) -> None:
        self.language, self._words, self._protocols = language, words, protocols
        self.connected = self.shook_hands = self.answered = self.understood = False

    def say(self, host: str, port: int, deadline: float) -> None:
        """Greet, and note what comes until the deadline, which is on the monotonic clock."""

        def talk() -> None:
            with socket.create_connection((host, port), max(deadline - time.monotonic(), 0.001)) as plain:
                current().hold(plain)
                self.connected = True
                if not self._protocols:
                    self._greet(plain.sendall, plain.recv, deadline)
                    return
                with _unverified(self._protocols).wrap_socket(plain, server_hostname=host) as tls:
                    self.shook_hands = self.answered = True
                    self._greet(tls.sendall, tls.recv, deadline)

        try:
            Exchange(deadline).run(talk)
        except ssl.SSLError:
            self.answered = True  # an alert, or something that is no TLS
        except ConnectionError:
            self.answered = True  # closed, which is not silence
        except (OSError, ValueError):
            return

    def _greet(self, send: Callable[[bytes], object], receive: Callable[[int], bytes], deadline: float) -> None:
        send(self._words)
        answer = b""
        while len(answer) < _FRAME_HEAD and (block := receive(_MOST_BYTES)):
            answer += block
        # A connection that the other side closes is an answer, too. At the deadline we close it ourselves.
        self.answered |= bool(answer) or time.monotonic() < deadline
        is_http2 = len(answer) >= _FRAME_HEAD and answer[0] == 0 and answer[3] == _SETTINGS
        self.understood = is_http2 if self._words is _PREFACE else answer.startswith(b"HTTP/1.")


def _unverified(protocols: Sequence[str]) -> ssl.SSLContext:
    """Return a TLS set-up that trusts everybody: nothing but a greeting is said over it."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    found.set_alpn_protocols(list(protocols))
    return found

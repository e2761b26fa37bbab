"""Where requests go and what goes with them: the file says, a general variable knows better, one for the signal best."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from otel_agent.delivery.options import OtlpOptions
from otel_agent.errors import SettingsError
from tests.delivery.senders import ONE_TRY_SECONDS, PROTOCOLS, SIGNALS, WIRES, in_its_time, options, sender
from tests.otlp_receiver import Authority, OtlpReceiver, Received
from tests.otlp_receiver.wire import Signal, Wire

EITHER_SIGNAL = pytest.mark.parametrize("signal", SIGNALS)
EITHER_WIRE = pytest.mark.parametrize("wire", WIRES)


def address(receiver: OtlpReceiver, wire: Wire) -> str:
    return receiver.endpoint if wire == "http" else receiver.grpc_endpoint


def sent(receiver: OtlpReceiver, signal: Signal, chosen: OtlpOptions) -> Received:
    """The request that one export became."""
    with sender(signal, chosen) as send:
        assert send().taken
    return receiver.requests[-1]


def variable(name: str, signal: Signal | None = None) -> str:
    return f"OTEL_EXPORTER_OTLP_{signal.upper() + '_' if signal else ''}{name}"


@EITHER_WIRE
@EITHER_SIGNAL
def test_who_names_the_endpoint(
    receiver: OtlpReceiver, signal: Signal, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only HTTP adds a path, and only to the general address."""
    whole = f"{receiver.endpoint}/v1/{signal}" if wire == "http" else receiver.grpc_endpoint
    monkeypatch.setenv(variable("PROTOCOL"), PROTOCOLS[wire])
    assert sent(receiver, signal, OtlpOptions(endpoint=f"{address(receiver, wire)}/")).protocol == wire
    monkeypatch.setenv(variable("ENDPOINT"), address(receiver, wire))
    sent(receiver, signal, OtlpOptions(endpoint="http://127.0.0.1:1"))
    monkeypatch.setenv(variable("ENDPOINT", signal), whole)
    monkeypatch.setenv(variable("ENDPOINT"), "http://127.0.0.1:1")
    sent(receiver, signal, OtlpOptions(endpoint="http://127.0.0.1:1"))
    assert len(receiver.requests) == 3


@EITHER_WIRE
@EITHER_SIGNAL
def test_who_names_the_headers(
    receiver: OtlpReceiver, signal: Signal, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = options(wire, address(receiver, wire), headers={"Authorization": "Bearer file", "X-Scope": "file"})
    request = sent(receiver, signal, chosen)
    assert (request.headers["authorization"], request.headers["x-scope"]) == ("Bearer file", "file")
    monkeypatch.setenv(variable("HEADERS"), "Authorization=Bearer%20general")
    request = sent(receiver, signal, chosen)
    assert (request.headers["authorization"], request.headers.get("x-scope")) == ("Bearer general", None)
    monkeypatch.setenv(variable("HEADERS", signal), "authorization=Bearer%20own")
    assert sent(receiver, signal, chosen).headers["authorization"] == "Bearer own"


@EITHER_SIGNAL
def test_who_names_the_compression(receiver: OtlpReceiver, signal: Signal, monkeypatch: pytest.MonkeyPatch) -> None:
    def used(chosen: OtlpOptions) -> str | None:
        return sent(receiver, signal, chosen).headers.get("content-encoding")

    plain = options("http", receiver.endpoint)
    zipped = options("http", receiver.endpoint, compression="gzip")
    assert (used(plain), used(zipped)) == (None, "gzip")
    monkeypatch.setenv(variable("COMPRESSION"), "none")
    assert used(zipped) is None
    monkeypatch.setenv(variable("COMPRESSION", signal), "GZIP")
    assert used(plain) == "gzip"


def test_deflate(receiver: OtlpReceiver) -> None:
    request = sent(receiver, "traces", options("http", receiver.endpoint, compression="deflate"))
    assert request.headers["content-encoding"] == "deflate"


@pytest.mark.parametrize(("wire", "name"), [("http", "zstd"), ("grpc", "zstd"), ("grpc", "deflate")])
def test_an_unknown_compression_is_said_at_the_start(wire: Wire, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable("COMPRESSION"), name)
    with (
        pytest.raises(SettingsError, match=f"cannot compress with {name}"),
        sender("traces", options(wire, "http://127.0.0.1:1")),
    ):
        pass


@EITHER_WIRE
@EITHER_SIGNAL
@pytest.mark.parametrize("told", ["soon", "0", "-1", "nan", "inf"])
def test_a_timeout_that_is_none_is_said_at_the_start(
    wire: Wire, signal: Signal, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable("TIMEOUT"), told)
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP"), sender(signal, options(wire, "http://127.0.0.1:1")):
        pass


@EITHER_WIRE
@EITHER_SIGNAL
def test_variables_that_are_empty_are_not_set(
    receiver: OtlpReceiver, wire: Wire, signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compose files and unit files set variables to nothing where a person left them out."""
    for name in ("ENDPOINT", "HEADERS", "COMPRESSION", "CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE", "PROTOCOL"):
        monkeypatch.setenv(variable(name), "")
        monkeypatch.setenv(variable(name, signal), "")
    monkeypatch.setenv(variable("TIMEOUT"), "")
    monkeypatch.setenv(variable("INSECURE"), "")
    chosen = options(wire, address(receiver, wire), headers={"x-scope": "file"})
    assert sent(receiver, signal, chosen).headers["x-scope"] == "file"


def test_netrc_does_not_replace_the_authorization(receiver: OtlpReceiver, tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login someone password else\n")
    netrc.chmod(0o600)
    request = sent(receiver, "traces", options("http", receiver.endpoint, headers={"authorization": "Bearer mine"}))
    assert request.headers["authorization"] == "Bearer mine"
    assert "authorization" not in sent(receiver, "traces", options("http", receiver.endpoint)).headers


def test_user_and_password_in_the_address(receiver: OtlpReceiver) -> None:
    with_user = receiver.endpoint.replace("http://", "http://me:secret@")
    expected = "Basic " + base64.b64encode(b"me:secret").decode()
    assert sent(receiver, "metrics", options("http", with_user)).headers["authorization"] == expected


NO_ADDRESSES = ["http://[::1", "http://127.0.0.1:99999", "http://127.0.0.1:abc", "http://", "ftp://127.0.0.1"]


@EITHER_SIGNAL
@pytest.mark.parametrize(
    ("wire", "endpoint"),
    [*((wire, each) for wire in WIRES for each in NO_ADDRESSES), ("http", "localhost:4318"), ("http", "/v1/traces")],
)
def test_what_is_no_address_is_said_at_the_start(
    wire: Wire, signal: Signal, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="is no address such as http://localhost:4318"):
        sent_nowhere(signal, options(wire, endpoint))
    monkeypatch.setenv(variable("ENDPOINT", signal), endpoint)
    with pytest.raises(SettingsError, match="is no address such as http://localhost:4318"):
        sent_nowhere(signal, options(wire, "http://127.0.0.1:1"))


def test_an_address_is_told_without_its_secrets() -> None:
    chosen = options("http", "https://me:secret@backend.example:4318/otlp?api-key=secret")
    assert chosen.target_of("traces") == "https://backend.example:4318/otlp"
    assert options("grpc", "backend.example:4317").target_of("traces") == "backend.example:4317"
    assert options("grpc", "me:secret@backend.example:4317").target_of("traces") == "backend.example:4317"
    assert (
        options("http", "https://backend.example/?next=http://secret@x").target_of("traces")
        == "https://backend.example/"
    )
    assert OtlpOptions().target_of("traces") == "http://localhost:4318"


class TestTls:
    """A backend that asks for a certificate of its own authority."""

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path / "authority")

    @pytest.fixture
    def stranger(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path / "stranger")

    @EITHER_WIRE
    @EITHER_SIGNAL
    def test_client_certificates(
        self, authority: Authority, wire: Wire, signal: Signal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """From the file; and what a variable names comes before what the file does, one by one."""
        client = authority.issue("client", "agent")
        with OtlpReceiver(tls=authority.issue("server"), client_ca=authority.certificate) as receiver:
            named = {
                "certificate": authority.certificate,
                "client_key": client.key,
                "client_certificate": client.certificate,
            }
            sent(receiver, signal, options(wire, address(receiver, wire), **named))
            monkeypatch.setenv(variable("CERTIFICATE"), str(authority.certificate))
            mixed = named | {"certificate": authority.certificate.with_name("absent.pem")}
            sent(receiver, signal, options(wire, address(receiver, wire), **mixed))
            for name, path in named.items():
                monkeypatch.setenv(variable(name.upper(), signal), str(path))
            sent(receiver, signal, options(wire, address(receiver, wire)))
            assert len(receiver.requests) == 3

    @EITHER_WIRE
    def test_without_the_client_certificate(self, authority: Authority, wire: Wire) -> None:
        with OtlpReceiver(tls=authority.issue("server"), client_ca=authority.certificate) as receiver:
            chosen = options(
                wire, address(receiver, wire), certificate=authority.certificate, timeout_seconds=ONE_TRY_SECONDS
            )
            with sender("traces", chosen) as send:
                assert not send().taken
            assert receiver.requests == ()

    @EITHER_WIRE
    def test_an_unknown_authority(self, authority: Authority, stranger: Authority, wire: Wire) -> None:
        with OtlpReceiver(tls=authority.issue("server")) as receiver:
            chosen = options(
                wire, address(receiver, wire), certificate=stranger.certificate, timeout_seconds=ONE_TRY_SECONDS
            )
            with sender("traces", chosen) as send:
                receipt, _ = in_its_time(
                    send, receiver, {"http": "no answer in time", "grpc": "gRPC DEADLINE_EXCEEDED"}[wire]
                )
            expected = {
                "http": "the TLS handshake failed (wrong certificate, or no TLS there)",
                "grpc": "gRPC UNAVAILABLE",
            }
            assert (receipt.taken, receipt.reason) == (False, expected[wire])
            assert receiver.requests == ()

    @EITHER_SIGNAL
    def test_the_named_certificate_wins_over_the_bundle_of_requests(
        self, authority: Authority, stranger: Authority, signal: Signal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(stranger.certificate))
        with OtlpReceiver(tls=authority.issue("server")) as receiver:
            sent(receiver, signal, options("http", receiver.endpoint, certificate=authority.certificate))

    def test_where_none_is_named_the_bundle_counts(self, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.certificate))
        with OtlpReceiver(tls=authority.issue("server")) as receiver:
            sent(receiver, "traces", options("http", receiver.endpoint))

    @EITHER_WIRE
    @EITHER_SIGNAL
    @pytest.mark.parametrize("name", ["certificate", "client_key", "client_certificate"])
    def test_a_file_that_cannot_be_read_is_said_at_the_start(
        self, wire: Wire, signal: Signal, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        absent = tmp_path / "absent.pem"
        expected = f"cannot read {absent}: No such file or directory."
        with pytest.raises(SettingsError) as by_file:
            sent_nowhere(signal, options(wire, "https://127.0.0.1:1", **{name: absent}))
        monkeypatch.setenv(variable(name.upper()), str(absent))
        with pytest.raises(SettingsError) as by_variable:
            sent_nowhere(signal, options(wire, "https://127.0.0.1:1"))
        assert (str(by_file.value), str(by_variable.value)) == (expected, expected)


def sent_nowhere(signal: Signal, chosen: OtlpOptions) -> None:
    with sender(signal, chosen):
        pass

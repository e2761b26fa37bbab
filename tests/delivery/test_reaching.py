"""Where requests go and what goes with them. A general variable wins over the file, one for the signal over both."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from otel_agent.delivery.advice import advice
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.errors import SettingsError
from tests.delivery.either import EITHER_SIGNAL, EITHER_WIRE, address, sent, sent_nowhere, variable
from tests.delivery.senders import PROTOCOLS, WIRES, options, sender
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.otlp_receiver.wire import Signal, Wire


@EITHER_WIRE
@EITHER_SIGNAL
def test_a_variable_for_the_signal_names_the_endpoint_before_a_general_one_and_the_file(
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
def test_a_variable_for_the_signal_names_the_headers_before_a_general_one_and_the_file(
    receiver: OtlpReceiver, signal: Signal, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = options(wire, address(receiver, wire), headers={"Authorization": "Bearer file", "X-Scope": "file"})
    request = sent(receiver, signal, chosen)
    assert request.headers["authorization"] == "Bearer file"
    assert request.headers["x-scope"] == "file"
    monkeypatch.setenv(variable("HEADERS"), "Authorization=Bearer%20general")
    request = sent(receiver, signal, chosen)
    assert request.headers["authorization"] == "Bearer general"
    assert request.headers.get("x-scope") is None
    monkeypatch.setenv(variable("HEADERS", signal), "authorization=Bearer%20own")
    assert sent(receiver, signal, chosen).headers["authorization"] == "Bearer own"


@EITHER_SIGNAL
def test_a_variable_for_the_signal_names_the_compression_before_a_general_one_and_the_file(
    receiver: OtlpReceiver, signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used(chosen: OtlpOptions) -> str | None:
        return sent(receiver, signal, chosen).headers.get("content-encoding")

    plain = options("http", receiver.endpoint)
    zipped = options("http", receiver.endpoint, compression="gzip")
    assert used(plain) is None
    assert used(zipped) == "gzip"
    monkeypatch.setenv(variable("COMPRESSION"), "none")
    assert used(zipped) is None
    monkeypatch.setenv(variable("COMPRESSION", signal), "GZIP")
    assert used(plain) == "gzip"


def test_http_can_compress_with_deflate(receiver: OtlpReceiver) -> None:
    request = sent(receiver, "traces", options("http", receiver.endpoint, compression="deflate"))
    assert request.headers["content-encoding"] == "deflate"


@pytest.mark.parametrize(("wire", "name"), [("http", "zstd"), ("grpc", "zstd"), ("grpc", "deflate")])
def test_an_unknown_compression_is_an_error_at_the_start(
    wire: Wire, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable("COMPRESSION"), name)
    with (
        pytest.raises(SettingsError, match=f"cannot compress with {name}"),
        sender("traces", options(wire, "http://127.0.0.1:1")),
    ):
        pass


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("10000", 10.0), ("2500", 2.5), (" 3000\r", 3.0), ("1e99", 86_400.0), ("100", 0.1), ("99", 7.0), ("3", 7.0)],
)
def test_a_timeout_in_the_environment_is_in_milliseconds(
    value: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer than 100 ms were meant as seconds: the agent asks, and uses what the file says."""
    monkeypatch.setenv(variable("TIMEOUT"), value)
    chosen = OtlpOptions(timeout_seconds=7.0)
    assert chosen.timeout_of("traces") == seconds
    asked = [f"OTEL_EXPORTER_OTLP_TIMEOUT={value} means {value} milliseconds", f"Then write {value}000."]
    (doubt,) = chosen.doubts("traces") or [""]
    assert (seconds == 7.0) == all(each in doubt for each in asked)


def test_the_timeout_of_a_signal_is_named_in_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable("TIMEOUT"), "10000")
    monkeypatch.setenv(variable("TIMEOUT", "metrics"), "30")
    assert OtlpOptions().doubts("traces") == []
    (doubt,) = OtlpOptions().doubts("metrics")
    assert doubt.startswith("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT=30 means")


@pytest.mark.parametrize(("written", "protocol"), [("GRPC", "grpc"), ("HTTP/Protobuf", "http/protobuf")])
def test_the_name_of_a_protocol_may_have_capitals(written: str, protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The specification compares the values of such variables without regard to case."""
    monkeypatch.setenv(variable("PROTOCOL"), written)
    OtlpOptions().check("traces")
    assert OtlpOptions().protocol_of("traces") == protocol


@EITHER_WIRE
@EITHER_SIGNAL
def test_blanks_and_line_ends_around_a_variable_do_no_harm(
    receiver: OtlpReceiver, wire: Wire, signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with Windows' line ends brings a carriage return at the end of each value."""
    written = {
        "PROTOCOL": PROTOCOLS[wire],
        "ENDPOINT": address(receiver, wire),
        "HEADERS": "x-scope=general",
        "COMPRESSION": "gzip",
        "TIMEOUT": "30000",
    }
    for name, value in written.items():
        monkeypatch.setenv(variable(name), f" {value}\r")
    assert sent(receiver, signal, OtlpOptions()).headers["x-scope"] == "general"


def test_a_proxy_with_a_wrong_address_is_not_taken_for_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://")
    with sender("traces", options("http", "http://backend.example:4318")) as send:
        result = send()
    assert (result.accepted, result.reason) == (False, "the address of the proxy cannot be used")
    assert "HTTP_PROXY" in advice(result.reason)


def test_an_address_with_a_query_is_for_one_signal_alone(
    receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path would be added behind the query."""
    expected = "has a query, and /v1/traces would come after it. Set OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    with pytest.raises(SettingsError, match=expected):
        sent_nowhere("traces", options("http", f"{receiver.endpoint}?key=x"))
    monkeypatch.setenv(variable("ENDPOINT", "traces"), f"{receiver.endpoint}/v1/traces?key=x")
    sent_nowhere("traces", options("http", "http://127.0.0.1:1"))


class TestHeaders:
    """`OTEL_EXPORTER_OTLP_HEADERS` has the form of W3C Baggage: key=value,key=value with percent-encoded values."""

    @pytest.mark.parametrize(
        ("written", "name", "value"),
        [
            ("authorization=Bearer%20made-up", "authorization", "Bearer made-up"),
            ("authorization=Bearer made-up", "authorization", "Bearer made-up"),
            (" x-scope = a=b== , ", "x-scope", "a=b=="),
            ("X-Scope=a%2Cb%3Bc%22", "x-scope", 'a,b;c"'),
            ("x-scope=", "x-scope", ""),
        ],
    )
    @EITHER_WIRE
    def test_a_header_is_sent_as_it_is_meant(
        self, receiver: OtlpReceiver, wire: Wire, written: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable("HEADERS"), written)
        assert sent(receiver, "traces", options(wire, address(receiver, wire))).headers[name] == value

    @EITHER_WIRE
    def test_what_a_request_says_of_itself_is_not_changed(
        self, receiver: OtlpReceiver, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Such a header is there for another program. With it, no backend would understand a request."""
        written = "Content-Type=application/json,content-length=5,Content-Encoding=br,te=x,x-scope=a"
        monkeypatch.setenv(variable("HEADERS"), written)
        chosen = options(wire, address(receiver, wire))
        found = sent(receiver, "traces", chosen).headers
        assert found["x-scope"] == "a"
        assert {found.get(name) for name in ("content-type", "content-encoding", "te")}.isdisjoint(
            {"application/json", "br", "x"}
        )
        named = "OTEL_EXPORTER_OTLP_HEADERS: {} is not sent from there: otel-agent sets this header itself."
        assert chosen.unused_headers("traces") == [
            named.format(name) for name in ("Content-Encoding", "Content-Type", "content-length", "te")
        ]

    def test_letters_beyond_latin_1_are_sent_as_utf_8(
        self, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable("HEADERS"), "x-team=%C5%81%C3%B3d%C5%BA")
        found = sent(receiver, "traces", options("http", receiver.endpoint)).headers["x-team"]
        assert found.encode("latin-1").decode() == "Łódź"

    def test_grpc_says_that_it_cannot_send_such_letters(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(variable("HEADERS"), "x-team=%C5%81%C3%B3d%C5%BA")
        with pytest.raises(SettingsError, match=r"OTEL_EXPORTER_OTLP_HEADERS: header 1 has a letter beyond ASCII"):
            sent_nowhere("traces", options("grpc", "http://127.0.0.1:1"))

    @pytest.mark.parametrize(
        ("written", "what"),
        [
            ("authorization: Bearer x", "header 1 has no `=`"),
            ('"authorization=Bearer x"', 'header 1 has a " in it, which is written %22 in a value'),
            ('a=1,authorization="Bearer x"', 'header 2 has a " in it'),
            ("a=1;b=2", "header 1 has a ; in it, which is written %3B in a value"),
            ("a=1,2", "header 2 has no `=`"),
            ("bad name=1", "header 1 has a name with other characters"),
            ("=1", "header 1 has a name with other characters"),
            ("a=1%0Ab: 2", "header 1 has a line break"),
            ("a=1,b=caf%E9", "header 2 has bytes in its value that are no UTF-8"),
        ],
    )
    @EITHER_WIRE
    def test_another_form_is_an_error_at_the_start(
        self, wire: Wire, written: str, what: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable("HEADERS", "traces"), written)
        with pytest.raises(SettingsError) as refused:
            sent_nowhere("traces", options(wire, "http://127.0.0.1:1"))
        assert str(refused.value).startswith(f"OTEL_EXPORTER_OTLP_TRACES_HEADERS: {what}")

    def test_a_header_of_the_file_is_checked_as_well(self) -> None:
        with pytest.raises(SettingsError, match=r"^\[otlp\] headers: header 1 has a line break"):
            sent_nowhere("traces", options("http", "http://127.0.0.1:1", headers={"a": "1\nb: 2"}))


@EITHER_WIRE
@EITHER_SIGNAL
@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf"])
def test_a_timeout_that_is_no_positive_number_is_an_error_at_the_start(
    wire: Wire, signal: Signal, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable("TIMEOUT"), value)
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP"), sender(signal, options(wire, "http://127.0.0.1:1")):
        pass


@EITHER_WIRE
@EITHER_SIGNAL
def test_empty_variables_count_as_not_set(
    receiver: OtlpReceiver, wire: Wire, signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compose files and unit files set a variable to nothing if a person left it out."""
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


def test_user_and_password_in_the_address_become_the_authorization(receiver: OtlpReceiver) -> None:
    with_user = receiver.endpoint.replace("http://", "http://me:secret@")
    expected = "Basic " + base64.b64encode(b"me:secret").decode()
    assert sent(receiver, "metrics", options("http", with_user)).headers["authorization"] == expected


NO_ADDRESSES = ["http://[::1", "http://127.0.0.1:99999", "http://127.0.0.1:abc", "http://", "ftp://127.0.0.1"]


@EITHER_SIGNAL
@pytest.mark.parametrize(
    ("wire", "endpoint"),
    [*((wire, each) for wire in WIRES for each in NO_ADDRESSES), ("http", "localhost:4318"), ("http", "/v1/traces")],
)
def test_an_address_at_which_nothing_can_listen_is_an_error_at_the_start(
    wire: Wire, signal: Signal, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="is no address such as http://localhost:4318"):
        sent_nowhere(signal, options(wire, endpoint))
    monkeypatch.setenv(variable("ENDPOINT", signal), endpoint)
    with pytest.raises(SettingsError, match="is no address such as http://localhost:4318"):
        sent_nowhere(signal, options(wire, "http://127.0.0.1:1"))


def test_an_address_is_shown_without_its_secrets() -> None:
    chosen = options("http", "https://me:secret@backend.example:4318/otlp?api-key=secret")
    assert chosen.target_of("traces") == "https://backend.example:4318/otlp"
    assert options("grpc", "backend.example:4317").target_of("traces") == "backend.example:4317"
    assert options("grpc", "me:secret@backend.example:4317").target_of("traces") == "backend.example:4317"
    # Whether the @ ends a password or stands in a query, nobody can tell.
    assert options("http", "https://backend.example/?next=http://secret@x").target_of("traces") == "https://…"
    assert OtlpOptions().target_of("traces") == "http://localhost:4318"

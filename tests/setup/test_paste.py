"""What people paste, as vendors' pages show it, becomes an address and headers."""

from __future__ import annotations

import pytest

from otel_agent.errors import SettingsError
from otel_agent.setup import paste


@pytest.mark.parametrize(
    ("pasted", "address"),
    [
        ("http://localhost:4318", "http://localhost:4318"),
        ("  https://otlp.example.com/otlp/ ", "https://otlp.example.com/otlp"),
        ('"https://api.example.com"', "https://api.example.com"),
        ('export OTEL_EXPORTER_OTLP_ENDPOINT="https://api.example.com"', "https://api.example.com"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://api.example.com/v1/traces", "https://api.example.com"),
        ("https://api.example.com/otlp/v1/metrics/", "https://api.example.com/otlp"),
    ],
)
def test_an_address_is_taken_as_it_is_pasted(pasted: str, address: str) -> None:
    assert paste.address(pasted) == address


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        ("", "the address is empty"),
        ("localhost:4318", "Did you mean http://localhost:4318?"),
        ("127.0.0.1:4318", "Did you mean http://127.0.0.1:4318?"),
        ("otlp.example.com", "Did you mean https://otlp.example.com?"),
        ("http://a b", "has a blank"),
        ("ftp://example.com", "is no address"),
    ],
)
def test_an_address_at_which_nothing_listens_is_refused_with_a_better_one(pasted: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        paste.address(pasted)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("pasted", "headers"),
    [
        ("authorization=Bearer%20KEY", {"authorization": "Bearer KEY"}),
        ("Authorization: Basic YTpiPT0=", {"Authorization": "Basic YTpiPT0="}),
        ("a=1,b=2\n# a remark\n\nx-team: shop", {"a": "1", "b": "2", "x-team": "shop"}),
        ('OTEL_EXPORTER_OTLP_HEADERS="a=1"', {"a": "1"}),
        ("x-when: 10:30=ok", {"x-when": "10:30=ok"}),
    ],
)
def test_headers_are_taken_in_both_forms(pasted: str, headers: dict[str, str]) -> None:
    assert paste.header_lines(pasted, "here") == headers


@pytest.mark.parametrize("pasted", ["s3cret", "Bearer s3cret", "two words: s3cret", 'a="s3cret"b'])
def test_a_header_that_cannot_be_sent_is_refused_and_never_quoted(pasted: str) -> None:
    with pytest.raises(SettingsError) as refused:
        paste.header_lines(pasted, "here")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("endpoint", "protocol"),
    [("http://x:4317", "grpc"), ("http://x:4318", "http/protobuf"), ("https://x", "http/protobuf")],
)
def test_the_port_tells_the_protocol_that_is_tried_first(endpoint: str, protocol: str) -> None:
    assert paste.usual_protocol(endpoint) == protocol

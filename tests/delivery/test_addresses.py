"""Each form of an address is either right or refused with the name of its setting, for both protocols."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_agent.delivery.addresses import masked, without_secrets
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.errors import SettingsError
from tests.delivery.grpc_server import serving
from tests.delivery.senders import PROTOCOLS, SIGNALS, WIRES, options, sender
from tests.support.otlp_receiver import Authority
from tests.support.otlp_receiver.wire import Signal, Wire
from tests.support.shell import Shell

NO_ADDRESS = "is no address such as http://localhost:4318."
PASSWORD = "has a ? or # in its password, which ends an address. Write %3F or %23 instead."
BLANK = "has a blank or a line break in it."
HASH = "has a # in it, and what comes after that is never sent."

REFUSED: dict[str, tuple[str, str]] = {
    "host:4318": (NO_ADDRESS, ""),
    "host": (NO_ADDRESS, ""),
    "//host:4318": (NO_ADDRESS, NO_ADDRESS),
    "/v1/traces": (NO_ADDRESS, NO_ADDRESS),
    ":4318": (NO_ADDRESS, NO_ADDRESS),
    "http:host": (NO_ADDRESS, NO_ADDRESS),
    "http://": (NO_ADDRESS, NO_ADDRESS),
    "http://:4318": (NO_ADDRESS, NO_ADDRESS),
    "ftp://host": (NO_ADDRESS, NO_ADDRESS),
    "http://host:0": (NO_ADDRESS, NO_ADDRESS),
    "http://host:65536": (NO_ADDRESS, NO_ADDRESS),
    "http://host:-1": (NO_ADDRESS, NO_ADDRESS),
    "http://host:http": (NO_ADDRESS, NO_ADDRESS),
    "http://::1:4318": (NO_ADDRESS, NO_ADDRESS),
    "http://[::1": (NO_ADDRESS, NO_ADDRESS),
    "http://[::x]:4318": (NO_ADDRESS, NO_ADDRESS),
    "http://*:4318": (NO_ADDRESS, NO_ADDRESS),
    "http://<your-host>:4318": (NO_ADDRESS, NO_ADDRESS),
    "http://${HOST}:4318": (NO_ADDRESS, NO_ADDRESS),
    "'http://host'": (NO_ADDRESS, NO_ADDRESS),
    f"http://{'a' * 64}.example": (NO_ADDRESS, NO_ADDRESS),
    "http://a..example": (NO_ADDRESS, NO_ADDRESS),
    "host:65536": (NO_ADDRESS, NO_ADDRESS),
    "::1:4317": (NO_ADDRESS, NO_ADDRESS),
    "dns:///host:99999": (NO_ADDRESS, NO_ADDRESS),
    "unix:": (NO_ADDRESS, NO_ADDRESS),
    "unix:///run/otlp.sock": (NO_ADDRESS, ""),
    "http://ho st:4318": (BLANK, BLANK),
    "http://host:4318\r\nx: y": (BLANK, BLANK),
    "http://host:4318/\x00": (BLANK, BLANK),
    "http://host:4318/#part": (HASH, HASH),
    "http://host:4318?key=x": (
        ": the address has a query, and /v1/traces would",
        "has a query, which gRPC cannot send.",
    ),
    "http://me:secret#@host": (PASSWORD, HASH),
    "http://me:secret?x@host": (PASSWORD, NO_ADDRESS),
    "http://me:secret@host:4317": ("", "has a user or a password in it, which gRPC cannot send."),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("from_file", [False, True])
@pytest.mark.parametrize(("address", "faults"), REFUSED.items())
def test_a_wrong_address_is_refused_with_the_name_of_its_setting(
    address: str, faults: tuple[str, str], wire: Wire, from_file: bool
) -> None:
    fault = faults[wire == "grpc"]
    environ = {} if from_file else {"OTEL_EXPORTER_OTLP_ENDPOINT": address}
    chosen = OtlpOptions(endpoint=address if from_file else None, protocol=PROTOCOLS[wire])
    if not fault:
        chosen.check_address("traces", environ)
        return
    with pytest.raises(SettingsError) as refused:
        chosen.check("traces", environ)
    said = str(refused.value)
    assert said.startswith("[otlp] endpoint: " if from_file else "OTEL_EXPORTER_OTLP_ENDPOINT: ")
    assert fault in said
    assert "secret" not in said
    assert said.isprintable()


URLS = {
    "http://host:4318": "http://host:4318/v1/traces",
    "http://host:4318/": "http://host:4318/v1/traces",
    " http://host:4318 \r\n": "http://host:4318/v1/traces",
    "HTTPS://Host/otlp/": "https://Host/otlp/v1/traces",
    "http://[::1]:4318": "http://[::1]:4318/v1/traces",
    "http://[fe80::1%25eth0]:4318": "http://[fe80::1%25eth0]:4318/v1/traces",
    "http://me:secret@host": "http://me:secret@host/v1/traces",
    "http://my_host": "http://my_host/v1/traces",
}


@pytest.mark.parametrize(("address", "url"), URLS.items())
def test_http_adds_its_path_to_an_address(address: str, url: str) -> None:
    for chosen, environ in (
        (OtlpOptions(endpoint=address), {}),
        (OtlpOptions(), {"OTEL_EXPORTER_OTLP_ENDPOINT": address}),
    ):
        chosen.check_address("traces", environ)
        assert chosen.url_of("traces", environ) == url


def test_an_address_for_one_signal_is_used_as_it_is_written() -> None:
    environ = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "HTTP://host/?key=x"}
    OtlpOptions().check("traces", environ)
    assert OtlpOptions().url_of("traces", environ) == "http://host/?key=x"


TARGETS: dict[str, tuple[str, tuple[str, int] | None]] = {
    "http://host:4317": ("host:4317", ("host", 4317)),
    "http://host": ("host:4317", ("host", 4317)),
    "https://host": ("host:443", ("host", 443)),
    "https://host/v1/traces": ("host:443", ("host", 443)),
    "host:5000": ("host:5000", ("host", 5000)),
    "host": ("host:443", ("host", 443)),
    "http://[::1]": ("[::1]:4317", ("::1", 4317)),
    "[::1]:5000": ("[::1]:5000", ("::1", 5000)),
    "dns:4317": ("dns:4317", ("dns", 4317)),
    "dns:///host:5000": ("dns:///host:5000", None),
    "unix:/run/otlp.sock": ("unix:/run/otlp.sock", None),
    "unix-abstract:otlp": ("unix-abstract:otlp", None),
}


@pytest.mark.parametrize(("address", "expected"), TARGETS.items())
def test_grpc_goes_where_the_doctor_looks(address: str, expected: tuple[str, tuple[str, int] | None]) -> None:
    """Without a port it is 4317, and 443 with TLS. gRPC itself would take 443 for both."""
    chosen = OtlpOptions(endpoint=address, protocol="grpc")
    chosen.check_address("traces", {})
    assert (chosen.grpc_target_of("traces", {}), chosen.host_and_port_of("traces", {})) == expected


def test_data_goes_through_a_socket_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the kernel takes about a hundred characters
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
    accepted: list[str] = []
    with (
        serving(accepted, address="unix:otlp.sock") as endpoint,
        sender("traces", options("grpc", endpoint)) as send,
    ):
        assert send().accepted
    assert accepted == ["chat glm-4.7"]


class TestFiles:
    """Certificates and keys that cannot work are refused with the name of their setting, for both protocols."""

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path / "authority")

    def refused(self, signal: Signal, wire: Wire, **files: Path) -> str:
        with (
            pytest.raises(SettingsError) as refused,
            sender(signal, options(wire, "https://127.0.0.1:1", **files)),
        ):
            pass
        return str(refused.value)

    @pytest.mark.parametrize("wire", WIRES)
    @pytest.mark.parametrize("signal", SIGNALS)
    def test_a_file_that_is_no_certificate(self, tmp_path: Path, signal: Signal, wire: Wire) -> None:
        garbage = tmp_path / "garbage.pem"
        garbage.write_text("no certificate")
        expected = f"[otlp] certificate: no certificate in PEM is in {garbage}."
        assert self.refused(signal, wire, certificate=garbage) == expected
        garbage.write_text("")
        assert self.refused(signal, wire, certificate=garbage) == expected

    @pytest.mark.parametrize("wire", WIRES)
    def test_a_folder(self, tmp_path: Path, wire: Wire) -> None:
        expected = f"[otlp] certificate: cannot read {tmp_path}: Is a directory."
        assert self.refused("traces", wire, certificate=tmp_path) == expected

    @pytest.mark.parametrize("wire", WIRES)
    def test_a_key_of_another_certificate(self, authority: Authority, wire: Wire) -> None:
        one, other = authority.issue("one", "agent"), authority.issue("other", "agent")
        said = self.refused("traces", wire, client_certificate=one.certificate, client_key=other.key)
        assert said == f"[otlp] client_certificate: the key does not belong to {one.certificate}."

    @pytest.mark.parametrize("wire", WIRES)
    def test_a_certificate_without_its_key(self, authority: Authority, wire: Wire) -> None:
        one = authority.issue("one", "agent")
        said = self.refused("traces", wire, client_certificate=one.certificate)
        assert said.startswith("[otlp] client_certificate: no certificate with its key, both in PEM, is in")

    @pytest.mark.parametrize("wire", WIRES)
    def test_a_key_without_its_certificate(self, authority: Authority, wire: Wire) -> None:
        said = self.refused("traces", wire, client_key=authority.issue("one", "agent").key)
        assert said == "[otlp] client_key: a key is of no use without its client certificate."

    @pytest.mark.parametrize("wire", WIRES)
    def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(
        self, authority: Authority, wire: Wire
    ) -> None:
        """OpenSSL would wait at the terminal."""
        from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

        one = authority.issue("one", "agent")
        key = form.load_pem_private_key(one.key.read_bytes(), None)
        locked = form.BestAvailableEncryption(b"secret")
        one.key.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked))
        said = self.refused("traces", wire, client_certificate=one.certificate, client_key=one.key)
        assert "has a password, which nobody can type in" in said

    @pytest.mark.parametrize("wire", WIRES)
    def test_a_bundle_of_the_environment_that_is_not_there(self, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/bundle.pem")
        expected = "SSL_CERT_FILE: cannot read /nowhere/bundle.pem: No such file or directory."
        assert self.refused("traces", wire) == expected


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "an address": ({"ENDPOINT": "localhost:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT: localhost:4318 is no address such as"),
    "a query": (
        {"ENDPOINT": "http://127.0.0.1:1/?key=x"},
        "OTEL_EXPORTER_OTLP_ENDPOINT: http://127.0.0.1:1/: the address",
    ),
    "a protocol": ({"PROTOCOL": "http/json"}, "OTEL_EXPORTER_OTLP_PROTOCOL: OTLP over http/json is not supported."),
    "a certificate": (
        {"ENDPOINT": "https://127.0.0.1:1", "CERTIFICATE": "garbage.pem"},
        "OTEL_EXPORTER_OTLP_CERTIFICATE: no certificate in PEM is in garbage.pem.",
    ),
}


@pytest.mark.parametrize(("variables", "expected"), WRONG.values(), ids=list(WRONG))
def test_run_config_check_and_doctor_agree_that_a_setting_cannot_work(
    tmp_path: Path, variables: dict[str, str], expected: str
) -> None:
    (tmp_path / "garbage.pem").write_text("no certificate")
    shell, named = Shell(tmp_path), {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
    for command, code in ((("run", "--once"), 2), (("config", "check"), 2), (("doctor",), 1)):
        run = shell.run(*command, **named)
        assert run.returncode == code, command
        assert expected in " ".join((run.stderr + run.stdout).split()), command


SHOWN = {
    "http://host:4318/path": "http://host:4318/path",
    "HTTPS://me:secret@host/path?key=secret#secret": "HTTPS://host/path",
    "http://secret@host": "http://host",
    "http://me:sec@ret@host": "http://host",
    "http://me:sec/ret@host:1": "http://host:1",
    "http://me:secret://x@host": "http://host",
    "me:secret@host:4317": "host:4317",
    "http://me:secret?x@host": "http://…",
    "http://me:secret#x@host": "http://…",
    "http://host?mail=me@here&key=secret": "http://…",
    "unix:///run/otlp.sock": "unix:///run/otlp.sock",
    "http://h\x1b[31m": "http://h [31m",
}


@pytest.mark.parametrize(("address", "shown"), SHOWN.items())
def test_an_address_is_shown_without_what_may_be_a_secret(address: str, shown: str) -> None:
    assert without_secrets(address) == shown
    assert "secret" not in masked(address, "***")

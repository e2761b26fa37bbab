"""Certificates: which authority is trusted, which client certificate is shown, and what is sent to nobody else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from otel_agent.errors import SettingsError
from tests.delivery.either import EITHER_SIGNAL, EITHER_WIRE, address, sent, sent_nowhere, variable
from tests.delivery.senders import ONE_TRY_SECONDS, in_its_time, options, sender
from tests.support.otlp_receiver import Authority, OtlpReceiver
from tests.support.otlp_receiver.wire import Signal, Wire


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
    def test_client_certificates_come_from_the_file_or_from_variables(
        self, authority: Authority, wire: Wire, signal: Signal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each file that a variable names wins over the one in the settings file."""
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
    def test_a_backend_that_asks_for_a_client_certificate_accepts_nothing_without_one(
        self, authority: Authority, wire: Wire
    ) -> None:
        with OtlpReceiver(tls=authority.issue("server"), client_ca=authority.certificate) as receiver:
            chosen = options(
                wire, address(receiver, wire), certificate=authority.certificate, timeout_seconds=ONE_TRY_SECONDS
            )
            with sender("traces", chosen) as send:
                assert not send().accepted
            assert receiver.requests == ()

    @EITHER_WIRE
    def test_a_backend_with_a_certificate_of_an_unknown_authority_gets_no_data(
        self, authority: Authority, stranger: Authority, wire: Wire
    ) -> None:
        with OtlpReceiver(tls=authority.issue("server")) as receiver:
            chosen = options(
                wire, address(receiver, wire), certificate=stranger.certificate, timeout_seconds=ONE_TRY_SECONDS
            )
            late = {"http": "no answer in time", "grpc": "gRPC DEADLINE_EXCEEDED"}[wire]
            with sender("traces", chosen) as send:
                result, _ = in_its_time(send, receiver, late)
            expected = {
                "http": "the TLS handshake failed (wrong certificate, or no TLS there)",
                "grpc": "gRPC UNAVAILABLE",
            }
            assert not result.accepted
            assert result.reason == expected[wire]
            assert receiver.requests == ()

    @EITHER_SIGNAL
    def test_the_named_certificate_wins_over_the_bundle_of_requests(
        self, authority: Authority, stranger: Authority, signal: Signal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(stranger.certificate))
        with OtlpReceiver(tls=authority.issue("server")) as receiver:
            sent(receiver, signal, options("http", receiver.endpoint, certificate=authority.certificate))

    def test_if_no_certificate_is_named_the_bundle_of_requests_counts(
        self, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.certificate))
        with OtlpReceiver(tls=authority.issue("server")) as receiver:
            sent(receiver, "traces", options("http", receiver.endpoint))

    @pytest.mark.skipif(shutil.which("openssl") is None, reason="only openssl knows the names of such files")
    @EITHER_WIRE
    def test_a_bundle_may_be_a_folder(
        self, authority: Authority, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The folder is as OpenSSL's `rehash` makes it: each authority is found by a hash of its name."""
        folder = tmp_path / "authorities"
        folder.mkdir()
        named = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(authority.certificate)]
        name_hash = subprocess.run(named, check=True, capture_output=True, text=True).stdout.strip()
        shutil.copy(authority.certificate, folder / f"{name_hash}.0")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder))
        with OtlpReceiver(tls=authority.issue("server")) as receiver:
            sent(receiver, "traces", options(wire, address(receiver, wire)))

    @EITHER_WIRE
    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
    @pytest.mark.parametrize("content", [(), ("authority.pem",), ("authority.0", "0123456.0")])
    def test_a_folder_in_which_openssl_finds_no_authority_is_an_error_at_the_start(
        self,
        authority: Authority,
        wire: Wire,
        name: str,
        content: tuple[str, ...],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        folder = tmp_path / "authorities"
        folder.mkdir()
        for each in content:
            shutil.copy(authority.certificate, folder / each)
        monkeypatch.setenv(name, str(folder))
        with pytest.raises(SettingsError) as refused:
            sent_nowhere("traces", options(wire, "https://127.0.0.1:1"))
        assert str(refused.value).startswith(f"{name}: no certificate in {folder} is named by its hash.")
        assert "openssl rehash" in str(refused.value)

    def test_a_tilde_in_a_variable_is_the_home(self, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        """A shell replaces it, and a file of variables does not."""
        monkeypatch.setenv("HOME", str(authority.certificate.parent))
        monkeypatch.setenv(variable("CERTIFICATE"), f"~/{authority.certificate.name}")
        with OtlpReceiver(tls=authority.issue("server")) as receiver:
            sent(receiver, "traces", options("http", receiver.endpoint))

    @EITHER_WIRE
    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
    def test_if_no_certificate_is_named_the_bundles_of_the_environment_count(
        self, authority: Authority, stranger: Authority, wire: Wire, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All of them: a company's tools set one, the person's another."""
        with OtlpReceiver(tls=authority.issue("server")) as receiver:
            monkeypatch.setenv(name, str(authority.certificate))
            sent(receiver, "traces", options(wire, address(receiver, wire)))
            for other in {"REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"} - {name}:
                monkeypatch.setenv(other, str(stranger.certificate))
            sent(receiver, "traces", options(wire, address(receiver, wire)))

    @EITHER_WIRE
    def test_a_bundle_is_not_read_if_nothing_is_encrypted(
        self, receiver: OtlpReceiver, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
        sent(receiver, "traces", options(wire, address(receiver, wire)))

    @pytest.mark.parametrize("path", ["/nowhere/bundle.pem", "/" + "x" * 300], ids=["absent", "too long"])
    def test_a_bundle_that_cannot_be_read_is_named_with_its_variable(
        self, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", path)
        with (
            pytest.raises(SettingsError, match="REQUESTS_CA_BUNDLE: cannot read /"),
            sender("traces", options("http", "https://localhost:1")) as send,
        ):
            send()

    @EITHER_WIRE
    @EITHER_SIGNAL
    @pytest.mark.parametrize("name", ["certificate", "client_key", "client_certificate"])
    def test_a_tls_file_that_cannot_be_read_is_an_error_at_the_start(
        self, wire: Wire, signal: Signal, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        absent = tmp_path / "absent.pem"
        expected = f": cannot read {absent}: No such file or directory."
        with pytest.raises(SettingsError) as by_file:
            sent_nowhere(signal, options(wire, "https://127.0.0.1:1", **{name: absent}))
        monkeypatch.setenv(variable(name.upper()), str(absent))
        with pytest.raises(SettingsError) as by_variable:
            sent_nowhere(signal, options(wire, "https://127.0.0.1:1"))
        assert str(by_file.value) == f"[otlp] {name}{expected}"
        assert str(by_variable.value) == variable(name.upper()) + expected

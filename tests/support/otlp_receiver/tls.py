"""Certificates made for one test, by an authority made for one test."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate chain and its private key, both PEM."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority with its files in `folder`. Peers have to trust its `certificate`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA()
        self.certificate = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(self.certificate)

    def issue(self, name: str, *identities: str, not_after: datetime | None = None) -> TlsFiles:
        """Make `name`.pem and `name`.key for the identities (default: the loopback interface)."""
        issued = self._authority.issue_cert(*(identities or ("127.0.0.1", "localhost")), not_after=not_after)
        files = TlsFiles(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        issued.private_key_pem.write_to_path(files.key)
        for position, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(files.certificate, append=position > 0)
        return files


def server_context(files: TlsFiles, client_ca: Path | None) -> ssl.SSLContext:
    """Return a server's context. It rejects clients without a certificate of `client_ca`, if one is given."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca)
    context.load_cert_chain(files.certificate, files.key)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context

"""The authorities whose certificates a backend may show, the same ones for each protocol and for `otel-agent doctor`.

A certificate that the settings name is the only one. Else the bundles that ``requests`` and OpenSSL take from the
environment count, all of them: a company sets either. Without any, the system's authorities and those of Mozilla count.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import certifi

BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""The variables that name a PEM file with authorities. ``SSL_CERT_DIR`` names folders of them."""


def context(named: Path | None, environ: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Return a TLS context that trusts these authorities. Raises ``OSError`` for a file that cannot be read."""
    if named is not None:
        return ssl.create_default_context(cafile=str(named))
    bundles = _bundles(environ)
    if not bundles:
        found = ssl.create_default_context()  # OpenSSL reads SSL_CERT_DIR by itself
        found.load_verify_locations(cafile=certifi.where())
        return found
    found = ssl.create_default_context(cafile=str(bundles[0]))
    for path in bundles[1:]:
        found.load_verify_locations(cafile=str(path))
    for folder in environ.get("SSL_CERT_DIR", "").split(os.pathsep):
        if folder and Path(folder).is_dir():
            found.load_verify_locations(capath=folder)
    return found


def pem(named: Path | None, environ: Mapping[str, str] = os.environ) -> bytes:
    """Return the same authorities for gRPC, which takes no folder. Raises ``OSError`` for a file that cannot be read."""
    files = [named] if named is not None else _bundles(environ)
    if not files:
        system = ssl.get_default_verify_paths().cafile
        files = [Path(each) for each in (system, certifi.where()) if each]
    return b"\n".join(path.read_bytes() for path in files)


def _bundles(environ: Mapping[str, str]) -> list[Path]:
    """Return the files that the environment names. One that does not exist is for its reader to complain about."""
    return [Path(value) for name in BUNDLES if (value := environ.get(name))]

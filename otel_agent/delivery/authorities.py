"""The authorities whose certificates a backend may show, the same ones for each protocol and for `otel-agent doctor`.

A certificate that the settings name is the only one. Else the bundles that ``requests`` and OpenSSL take from the
environment count, all of them: a company sets either. Without any, the system's authorities and those of Mozilla count.
"""

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import certifi

from otel_agent.errors import SettingsError

BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""The variables that name a PEM file with authorities, or a folder as OpenSSL's ``rehash`` makes it. ``SSL_CERT_DIR`` names
such folders."""

_HASHED: Final = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""The names by which OpenSSL looks for a certificate in a folder."""


def context(named: Path | None, environ: Mapping[str, str] = os.environ, *, place: str = "") -> ssl.SSLContext:
    """Return a TLS context that trusts these authorities. Raises ``SettingsError`` for a file that cannot be used.

    ``place`` is the setting that names a certificate.
    """
    if named is not None:
        return _trusting([(place, named)])
    bundles = _bundles(environ)
    if not bundles:
        found = ssl.create_default_context()  # OpenSSL reads SSL_CERT_DIR by itself
        found.load_verify_locations(cafile=certifi.where())
        return found
    found = _trusting(bundles)
    for folder in environ.get("SSL_CERT_DIR", "").split(os.pathsep):
        if folder and Path(folder).is_dir():
            found.load_verify_locations(capath=folder)
    return found


def add_client(found: ssl.SSLContext, certificate: Path, key: Path | None, *, place: str) -> None:
    """Let the client show its certificate. Raises ``SettingsError`` for one that does not belong to its key."""
    try:
        # OpenSSL would ask for a password on the terminal, and wait there.
        found.load_cert_chain(certificate, key, password=_no_password)
    except _PasswordWanted:
        raise SettingsError(
            f"{place}: the key of {certificate} has a password, which nobody can type in. Use a key without one."
        ) from None
    except ssl.SSLError as error:
        mismatch = "KEY_VALUES_MISMATCH" in (error.reason or "")
        what = "the key does not belong to" if mismatch else "no certificate with its key, both in PEM, is in"
        raise SettingsError(f"{place}: {what} {certificate}.") from None
    except OSError as error:
        raise SettingsError(f"{place}: cannot read {certificate}: {error.strerror}.") from None


def pem(named: Path | None, environ: Mapping[str, str] = os.environ) -> bytes:
    """Return the same authorities for gRPC, which takes bytes: of a folder, those that OpenSSL finds by their hash. Those of
    ``SSL_CERT_DIR`` are not among them. Raises ``OSError`` for a file that cannot be read."""
    files = [named] if named is not None else [path for _, path in _bundles(environ)]
    if not files:
        system = ssl.get_default_verify_paths().cafile
        files = [Path(each) for each in (system, certifi.where()) if each]
    whole = [each for path in files for each in _files_of(path)]
    return b"\n".join(path.read_bytes() for path in whole)


def _files_of(path: Path) -> list[Path]:
    if not os.path.isdir(path):  # noqa: PTH112 - it never raises
        return [path]
    with os.scandir(path) as entries:
        return sorted(Path(each) for each in entries if _HASHED.fullmatch(each.name) and each.is_file())


class _PasswordWanted(Exception):
    pass


def _no_password() -> str:
    raise _PasswordWanted


def _trusting(files: list[tuple[str, Path]]) -> ssl.SSLContext:
    """Return a context that trusts the authorities in these files. Each comes with the setting that names it."""
    found: ssl.SSLContext | None = None
    for place, path in files:
        file, folder = (None, str(path)) if os.path.isdir(path) else (str(path), None)  # noqa: PTH112 - it never raises
        try:
            if folder and not _files_of(path):
                # OpenSSL looks for a hash at each handshake, and says nothing before.
                raise SettingsError(
                    f"{place}: no certificate in {path} is named by its hash. Run `openssl rehash` on this folder, or name a file."
                )
            if found is None:
                found = ssl.create_default_context(cafile=file, capath=folder)
            else:
                found.load_verify_locations(cafile=file, capath=folder)
        except ssl.SSLError:
            raise SettingsError(f"{place}: no certificate in PEM is in {path}.") from None
        except OSError as error:
            raise SettingsError(f"{place}: cannot read {path}: {error.strerror}.") from None
    return found or ssl.create_default_context()


def _bundles(environ: Mapping[str, str]) -> list[tuple[str, Path]]:
    """Return the files that the environment names, each with its variable. One may not exist."""
    return [(name, Path(value)) for name in BUNDLES if (value := environ.get(name))]

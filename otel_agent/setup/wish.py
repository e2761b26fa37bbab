"""What a person or a roll-out wants, as one value."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from otel_agent.errors import SettingsError
from otel_agent.service.program import not_carried
from otel_agent.settings.rules import plain_number
from otel_agent.settings.user_folders import without_tilde
from otel_agent.settings.variables import OTLP_PREFIX
from otel_agent.setup import paste

_TEXTS: Final = ("PROTOCOL", "COMPRESSION")
_FILES: Final = ("CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE")


class Wish(Struct, frozen=True, kw_only=True):
    """What is to be set up. Empty and ``None`` leave what is there."""

    exporter: str | None = None
    """``none`` keeps everything on this machine, ``otlp`` sends it."""
    otlp: dict[str, Any] = {}
    """Keys of the file's table ``[otlp]``."""
    backfill: str | None = None
    variables: dict[str, str] = {}
    """Variables that only the environment can hold, for the service."""
    forgotten: tuple[str, ...] = ()
    """Variables that the settings file says now, and that must not win over it in the service."""
    service: bool = True


def from_environment(environ: Mapping[str, str], locked: Collection[str] = ()) -> dict[str, Any]:
    """Return the keys of ``[otlp]`` that the general standard variables set, without those that are locked.

    Raises ``SettingsError``.
    """
    found: dict[str, Any] = {}
    if endpoint := _set(environ, "ENDPOINT"):
        found["endpoint"] = paste.address(endpoint)
    for name in _TEXTS:
        if text := _set(environ, name):
            found[name.lower()] = text.lower()
    if given := _set(environ, "HEADERS"):
        found["headers"] = paste.header_lines(given, f"{OTLP_PREFIX}HEADERS")
    if timeout := _set(environ, "TIMEOUT"):
        try:
            found["timeout_seconds"] = float(plain_number(timeout)) / 1_000
        except ValueError:
            raise SettingsError(f"{OTLP_PREFIX}TIMEOUT: {timeout} is not a number of milliseconds.") from None
    for name in _FILES:
        if path := _set(environ, name):
            # The service starts in another folder.
            found[name.lower()] = str(without_tilde(Path(path)).absolute())
    return {name: value for name, value in found.items() if name not in locked}


def left_for_service(environ: Mapping[str, str], written: tuple[str, ...]) -> dict[str, str]:
    """Return OpenTelemetry's other variables, such as ``OTEL_RESOURCE_ATTRIBUTES``: no file but the service's has them."""
    return {name: environ[name] for name in not_carried(environ) if name not in written}


def _set(environ: Mapping[str, str], name: str) -> str:
    return environ.get(f"{OTLP_PREFIX}{name}", "").strip()


def forget_variables(names: tuple[str, ...]) -> None:
    """Remove variables from this process: what is tried then is what the service will see."""
    for name in names:
        os.environ.pop(name, None)

"""An environment without settings for delivery, and an empty home."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

STEERING = (
    "OTEL_",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NETRC",
)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove every variable that influences where and how data is sent, and set an empty home."""
    for name in os.environ:
        if name.upper().startswith(STEERING):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))

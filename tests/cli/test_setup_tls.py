"""`otel-agent setup` at a gateway with TLS and a token, whose authority nobody here knows."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.service_machine import ServiceMachine
from tests.cli.test_service_command import ACTIVE
from tests.support.dialogue import dialogue
from tests.support.otlp_receiver import Authority, OtlpReceiver

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="drives what is there on Linux")


def test_the_authority_is_asked_for_when_a_certificate_is_not_trusted(tmp_path: Path) -> None:
    machine, authority = ServiceMachine(tmp_path), Authority(tmp_path / "authority")
    machine.answer("systemctl", ACTIVE)
    with OtlpReceiver(tls=authority.issue("server")) as gateway:
        endpoint = gateway.endpoint
        run = dialogue(
            machine.shell,
            ["setup"],
            [
                ("Choose", "2"),
                ("Address", gateway.endpoint),
                ("Header with a key", "Authorization: Bearer s3cret"),
                ("One more header", ""),
                ("try again", "y"),
                ("PEM file", str(authority.certificate)),
                ("Address", ""),
                ("Header with a key", ""),
                ("at every login", "y"),
            ],
            PATH=f"{machine.programs}:/usr/bin:/bin",
        )
        assert run.returncode == 0, run.stdout
        assert {each.headers["authorization"] for each in gateway.requests} == {"Bearer s3cret"}
    assert "TLS failed" in run.stdout
    assert tomllib.loads(machine.shell.config.read_text(encoding="utf-8"))["otlp"] == {
        "endpoint": endpoint,
        "headers": {"Authorization": "Bearer s3cret"},
        "certificate": str(authority.certificate),
    }

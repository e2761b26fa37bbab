"""What `otel-agent doctor --json` finds, link by link."""

from __future__ import annotations

import json

from tests.support.otlp_receiver import OtlpReceiver
from tests.support.shell import Shell

Found = list[dict[str, str]]


def examined(shell: Shell, code: int, **variables: str) -> Found:
    """Run the doctor, which must end with this exit code and without an error, and return its findings."""
    run = shell.run("doctor", "--json", **variables)
    assert run.stderr == ""
    assert run.returncode == code, run.stdout
    found: Found = json.loads(run.stdout)
    return found


def of(found: Found, link: str) -> Found:
    """Return the findings about one link."""
    return [each for each in found if each["link"] == link]


def one(found: Found, link: str, verdict: str) -> dict[str, str]:
    """Return the only finding about a link with this verdict; fail if there is none, or more than one."""
    (match,) = [each for each in of(found, link) if each["verdict"] == verdict]
    return match


def towards(receiver: OtlpReceiver) -> dict[str, str]:
    """Return the variables that make the receiver the backend."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}

"""Everything that is exported says who emits it, and nothing of that is an empty text."""

from __future__ import annotations

from typing import NoReturn

import machineid
import pytest

from otel_agent.otlp.resource import emitter, resource


def test_a_machine_without_an_id_sends_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one would be the same id for many machines."""

    def none() -> NoReturn:
        raise machineid.MachineIdNotFound

    monkeypatch.setattr(machineid, "id", none)
    found = resource("instance-1").attributes
    assert "host.id" not in found
    assert [name for name, value in found.items() if value == ""] == []


def test_what_a_person_says_of_the_resource_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machineid, "id", lambda: "machine-1")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "host.name=mine,team=a")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "other")
    found = emitter("instance-1").resource.attributes
    expected = {"host.name": "mine", "team": "a", "service.name": "other", "host.id": "machine-1"}
    assert expected.items() <= dict(found).items()
    assert found["service.instance.id"] == "instance-1"

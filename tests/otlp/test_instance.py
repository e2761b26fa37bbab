"""No two agents publish under one instance id, and a restart leaves it as it is."""

from __future__ import annotations

import os
import uuid
from typing import NoReturn

import machineid
import pytest

from otel_agent.identity import instance_id, machine_id

LEDGER = "ledger-1"


def as_user(number: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(os, "getuid", lambda: number)
    return instance_id(LEDGER)


def on_machine(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(machineid, "id", lambda: name)
    return instance_id(LEDGER)


def test_users_machines_and_ledgers_have_ids_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that was copied with a home folder is published under the id of its new place."""
    found = [
        as_user(1_000, monkeypatch),
        as_user(1_001, monkeypatch),
        on_machine("a", monkeypatch),
        on_machine("b", monkeypatch),
        instance_id("ledger-2"),
    ]
    assert len(set(found)) == 5
    assert {uuid.UUID(each).version for each in found} == {5}


def test_the_same_place_has_the_same_id_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert as_user(1_000, monkeypatch) == as_user(1_000, monkeypatch)


def test_a_machine_without_an_id_has_the_same_id_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is new for each process would begin all totals again."""

    def none() -> NoReturn:
        raise machineid.MachineIdNotFound

    monkeypatch.setattr(machineid, "id", none)
    assert machine_id() == ""
    assert instance_id(LEDGER) == instance_id(LEDGER)

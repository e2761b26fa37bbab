"""Which machine and whose ledger this is: the instance id that stays the same across restarts."""

import getpass
import os
import uuid

import machineid

from otel_agent import semconv


def machine_id() -> str:
    """The operating system's id of this machine; empty where it has none (some containers)."""
    try:
        return str(machineid.id()).strip()
    except machineid.MachineIdNotFound:
        return ""


def instance_id(ledger_id: str) -> str:
    """``service.instance.id``: UUIDv5 of machine, user and ledger, so that two of a kind never share a series, and
    none changes its own by being restarted. Where the machine has no id, the ledger's own has to do: a name that is
    new with each container would begin the totals anew."""
    told = f"{machine_id()}\0{_user()}\0{ledger_id}"
    return str(uuid.uuid5(uuid.UUID(semconv.INSTANCE_NAMESPACE), told))


def _user() -> str:
    """The user's number, or where the system has none, the name."""
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()

"""The instance id under which this ledger's totals are published. It stays the same across restarts."""

import getpass
import os
import uuid

import machineid

from otel_agent import semconv


def machine_id() -> str:
    """Return the operating system's id of this machine; empty if it has none, as in some containers."""
    try:
        return str(machineid.id()).strip()
    except machineid.MachineIdNotFound:
        return ""


def instance_id(ledger_id: str) -> str:
    """Return ``service.instance.id``: a UUIDv5 of machine, user and ledger.

    Two agents never share one, so they never share a series, and a restart changes none. If there is no
    machine id, it is left out: a name that is new for each container would reset the totals.
    """
    name = f"{machine_id()}\0{_user()}\0{ledger_id}"
    return str(uuid.uuid5(uuid.UUID(semconv.INSTANCE_NAMESPACE), name))


def _user() -> str:
    """Return the user's number, or the name if the system has no numbers."""
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()

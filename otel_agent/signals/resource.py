"""Who is speaking: the resource of everything we emit, and the instance id that stays the same across restarts."""

import getpass
import os
import platform
import socket
import uuid

import machineid
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_agent import __version__, semconv


def machine_id() -> str:
    """The operating system's id of this machine; empty where it has none (some containers)."""
    try:
        return str(machineid.id()).strip()
    except machineid.MachineIdNotFound:
        return ""


def instance_id(ledger_id: str) -> str:
    """``service.instance.id``: UUIDv5 of machine, user and ledger, so that two of a kind never share a series, and
    none changes its own by being restarted."""
    told = "\0".join((machine_id() or socket.gethostname(), _user(), ledger_id))
    return str(uuid.uuid5(uuid.UUID(semconv.INSTANCE_NAMESPACE), told))


def resource(instance: str) -> Resource:
    """Our resource; ``OTEL_RESOURCE_ATTRIBUTES`` and ``OTEL_SERVICE_NAME`` (team, department, user) win over it."""
    ours = {
        "service.name": semconv.SERVICE_NAME,
        "service.version": __version__,
        "service.instance.id": instance,
        "host.name": socket.gethostname(),
        "host.id": machine_id(),
        "os.type": platform.system().lower(),
    }
    return Resource({key: value for key, value in ours.items() if value}).merge(OTELResourceDetector().detect())


def scope() -> InstrumentationScope:
    return InstrumentationScope(semconv.SCOPE, __version__)


def _user() -> str:
    """The user's number, or where the system has none, the name."""
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()

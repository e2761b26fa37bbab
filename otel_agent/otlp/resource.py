"""Describes who emits the data: the resource and the scope of everything that is exported."""

import platform
import socket

from msgspec import Struct
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_agent import __version__, semconv
from otel_agent.identity import machine_id


class Emitter(Struct, frozen=True):
    """The resource and the scope that every span and every point carries."""

    resource: Resource
    scope: InstrumentationScope


def emitter(instance_id: str) -> Emitter:
    """Return the emitter of this process; ``instance_id`` becomes its ``service.instance.id``."""
    return Emitter(resource(instance_id), InstrumentationScope(semconv.SCOPE, __version__))


def resource(instance_id: str) -> Resource:
    """Return the resource. ``OTEL_RESOURCE_ATTRIBUTES`` and ``OTEL_SERVICE_NAME`` (team, department, user) win."""
    ours = {
        "service.name": semconv.SERVICE_NAME,
        "service.version": __version__,
        "service.instance.id": instance_id,
        "host.name": socket.gethostname(),
        "host.id": machine_id(),
        "os.type": platform.system().lower(),
    }
    return Resource({key: value for key, value in ours.items() if value}).merge(OTELResourceDetector().detect())

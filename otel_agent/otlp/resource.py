"""Who is speaking: the resource and the scope of everything we emit."""

import platform
import socket

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_agent import __version__, semconv
from otel_agent.identity import machine_id


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

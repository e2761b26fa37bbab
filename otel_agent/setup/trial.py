"""Asks the backend with the settings that are about to be written, and finds the protocol that it takes."""

from collections.abc import Callable
from typing import Final, get_args

from msgspec import Struct

from otel_agent.doctor import backend_checks
from otel_agent.doctor.chain import Chain
from otel_agent.doctor.finding import Finding, Verdict
from otel_agent.semconv import Signal
from otel_agent.settings import Settings

_OTHER: Final = {"grpc": "http/protobuf", "http/protobuf": "grpc"}
_SIGN: Final = "OTEL_EXPORTER_OTLP_PROTOCOL="
"""An advice has these words if the other protocol is spoken at the address."""


class Trial(Struct, frozen=True):
    """What came of the requests, one for each signal."""

    findings: tuple[Finding, ...]
    protocol: str

    @property
    def accepted(self) -> bool:
        """True if the backend accepted both."""
        return not any(each.verdict is Verdict.FAILURE for each in self.findings)

    @property
    def reason(self) -> str:
        """The first failure with what to do about it, empty if there is none."""
        failures = (f"{each.seen}. {each.advice}" for each in self.findings if each.verdict is Verdict.FAILURE)
        return next(failures, "")


def try_backend(settings_of: Callable[[str], Settings], protocol: str, *, is_fixed: bool) -> Trial:
    """Send an empty request for each signal, and try the other protocol if that is what the address speaks.

    ``settings_of`` returns the settings with a protocol; ``is_fixed`` says that a person chose it.
    """
    trial = _once(settings_of(protocol), protocol)
    if trial.accepted or is_fixed or not any(_SIGN in each.advice for each in trial.findings):
        return trial
    other = _OTHER[protocol]
    second = _once(settings_of(other), other)
    return second if second.accepted else trial


def _once(settings: Settings, protocol: str) -> Trial:
    chains = [_chain(settings, signal) for signal in get_args(Signal)]
    found = tuple(finding for chain in chains for finding in chain.findings(backend_checks.SECONDS + 1))
    return Trial(found, protocol)


def _chain(settings: Settings, signal: Signal) -> Chain:
    return Chain([(signal, lambda: backend_checks.delivery(settings, signal))])

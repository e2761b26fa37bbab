"""Sending to the backend: values that are kept nowhere else, and the outcome of a request."""

from collections.abc import Mapping

from msgspec import Struct


class SendResult(Struct, frozen=True):
    """The backend's answer to one request."""

    accepted: bool
    permanent: bool = False
    """Rejected, and sending the same again cannot help: the request itself is at fault."""
    rejected: int = 0
    """Points or spans that the backend left out of an accepted request (partial success); never sent again."""
    reason: str = ""
    unanswered: bool = False
    """No answer came: the backend may or may not have the request."""
    retry_after_s: float = 0.0
    """Seconds for which the backend asks to be left alone; 0 if it asked for nothing. At most a day."""


class Observation(Struct, frozen=True):
    """A value seen at one moment and not kept in the ledger: a gauge, or a sum kept elsewhere."""

    metric: str
    value: int | float
    attributes: Mapping[str, str | int | bool] = {}
    since_ns: int | None = None
    """When a sum began to add up; ``None`` for a gauge."""

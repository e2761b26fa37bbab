"""What is published, and what became of it."""

from collections.abc import Mapping

from msgspec import Struct


class Series(Struct, frozen=True, gc=False):
    """One series as the ledger keeps it: integers only, in the metric's smallest unit."""

    metric: str
    attributes: str
    """JSON object, keys sorted."""
    start_ns: int
    value: int
    count: int
    buckets: tuple[int, ...]


class Increase(Struct):
    """What one series gains: ``value`` in the metric's smallest unit; for histograms how many, and in which buckets."""

    value: int = 0
    count: int = 0
    buckets: dict[int, int] = {}


class Receipt(Struct, frozen=True):
    """What the other side made of one request."""

    taken: bool
    final: bool = False
    """Not taken, and sending the same again cannot help: the request itself was refused."""
    rejected: int = 0
    """Points or spans the other side took the request without (partial success); never sent again."""
    reason: str = ""


class Observation(Struct, frozen=True):
    """What was seen at one moment of something that is not in the ledger: a gauge, or a sum kept elsewhere."""

    metric: str
    value: int | float
    attributes: Mapping[str, str | int | bool] = {}
    since_ns: int | None = None
    """Since when a sum has been adding up."""

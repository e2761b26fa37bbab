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
    told: "Told | None" = None
    """What the backend was told last; ``None`` of the history that was found at the very first start."""

    @property
    def is_news(self) -> bool:
        return self.told is None or (self.told.value, self.told.count) != (self.value, self.count)

    @property
    def as_told(self) -> "Series":
        """As the backend knows it. Raises ``ValueError`` where it was told nothing."""
        if self.told is None:
            raise ValueError(self.metric)
        return Series(
            self.metric, self.attributes, self.start_ns, self.told.value, self.told.count, self.told.buckets, self.told
        )

    @property
    def increment(self) -> "Series":
        """What it gained since. Its start is when it was told last."""
        if self.told is None:
            return self
        before = (*self.told.buckets, *[0] * (len(self.buckets) - len(self.told.buckets)))
        return Series(
            self.metric,
            self.attributes,
            max(self.start_ns, self.told.at_ns),
            self.value - self.told.value,
            self.count - self.told.count,
            tuple(now - then for now, then in zip(self.buckets, before, strict=True)),
            self.told,
        )


class Told(Struct, frozen=True, gc=False):
    """What the backend took last of a series; zeros of one that it does not know yet."""

    value: int
    count: int
    buckets: tuple[int, ...]
    at_ns: int


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

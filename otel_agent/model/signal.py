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
    last_accepted: "SentPoint | None" = None
    """What the backend was told last; ``None`` of the history that was found at the very first start."""

    unanswered: "SentPoint | None" = None
    """What was handed over last without an answer: the backend may know it, or may not."""

    @property
    def has_unexported(self) -> bool:
        return self.last_accepted is None or (self.last_accepted.value, self.last_accepted.count) != (
            self.value,
            self.count,
        )

    @property
    def as_accepted(self) -> "Series":
        """As the backend knows it. Raises ``ValueError`` where it was told nothing."""
        if self.last_accepted is None:
            raise ValueError(self.metric)
        return self._as(self.last_accepted)

    @property
    def as_unanswered(self) -> "Series":
        """As it was handed over last. Raises ``ValueError`` where that was answered."""
        if self.unanswered is None:
            raise ValueError(self.metric)
        return self._as(self.unanswered)

    def _as(self, then: "SentPoint") -> "Series":
        return Series(
            self.metric,
            self.attributes,
            self.start_ns,
            then.value,
            then.count,
            then.buckets,
            self.last_accepted,
            self.unanswered,
        )

    @property
    def increment(self) -> "Series":
        """What it gained since. Its start is when it was told last."""
        if self.last_accepted is None:
            return self
        before = (*self.last_accepted.buckets, *[0] * (len(self.buckets) - len(self.last_accepted.buckets)))
        return Series(
            self.metric,
            self.attributes,
            max(self.start_ns, self.last_accepted.at_ns),
            self.value - self.last_accepted.value,
            self.count - self.last_accepted.count,
            tuple(now - then for now, then in zip(self.buckets, before, strict=True)),
            self.last_accepted,
        )


class SentPoint(Struct, frozen=True, gc=False):
    """What a series was when it was handed over; zeros of one that the backend does not know yet."""

    value: int
    count: int
    buckets: tuple[int, ...]
    at_ns: int


class Increase(Struct):
    """What one series gains: ``value`` in the metric's smallest unit; for histograms how many, and in which buckets."""

    value: int = 0
    count: int = 0
    buckets: dict[int, int] = {}


class SendResult(Struct, frozen=True):
    """What the other side made of one request."""

    accepted: bool
    permanent: bool = False
    """Not taken, and sending the same again cannot help: the request itself was refused."""
    rejected: int = 0
    """Points or spans the other side took the request without (partial success); never sent again."""
    reason: str = ""
    unanswered: bool = False
    """Not taken as far as was heard: no answer came, and it may have arrived."""


class Observation(Struct, frozen=True):
    """What was seen at one moment of something that is not in the ledger: a gauge, or a sum kept elsewhere."""

    metric: str
    value: int | float
    attributes: Mapping[str, str | int | bool] = {}
    since_ns: int | None = None
    """Since when a sum has been adding up."""

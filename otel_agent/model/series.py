"""A series of a metric: its current value, and what the backend has of it."""

from msgspec import Struct


class SentPoint(Struct, frozen=True, gc=False):
    """The value of a series when it was sent; zeros for a series that the backend does not know yet."""

    value: int
    count: int
    buckets: tuple[int, ...]
    at_ns: int


class Series(Struct, frozen=True, gc=False):
    """One series as the ledger keeps it: integers only, in the metric's smallest unit."""

    metric: str
    attributes: str
    """JSON object, keys sorted."""
    start_ns: int
    value: int
    count: int
    buckets: tuple[int, ...]
    last_accepted: SentPoint | None = None
    """The last point that the backend accepted; ``None`` for the history that was found at the very first start."""
    unanswered: SentPoint | None = None
    """The last point that was sent without an answer: the backend may have it or not."""

    @property
    def has_unexported(self) -> bool:
        """True if the current value differs from the last accepted one."""
        # Buckets need no look of their own: they change only together with the count.
        return self.last_accepted is None or (self.last_accepted.value, self.last_accepted.count) != (
            self.value,
            self.count,
        )

    @property
    def as_accepted(self) -> "Series":
        """The series with its last accepted value. Raises ``ValueError`` if there is none."""
        if self.last_accepted is None:
            raise ValueError(self.metric)
        return self._as(self.last_accepted)

    @property
    def as_unanswered(self) -> "Series":
        """The series with its unanswered value. Raises ``ValueError`` if there is none."""
        if self.unanswered is None:
            raise ValueError(self.metric)
        return self._as(self.unanswered)

    def _as(self, point: SentPoint) -> "Series":
        return Series(
            self.metric,
            self.attributes,
            self.start_ns,
            point.value,
            point.count,
            point.buckets,
            self.last_accepted,
            self.unanswered,
        )

    @property
    def increment(self) -> "Series":
        """The gain since the last accepted point, which is its start time."""
        if self.last_accepted is None:
            return self
        # The last accepted point may be older than the highest bucket in use, and so have fewer of them.
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


class Increase(Struct):
    """The gain of one series: ``value`` in the metric's smallest unit; for histograms also how many, in which buckets."""

    value: int = 0
    count: int = 0
    buckets: dict[int, int] = {}

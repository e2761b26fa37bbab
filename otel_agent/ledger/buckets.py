"""The counts of a histogram's buckets, as the ledger keeps them: a JSON array up to the highest bucket in use."""

from collections.abc import Mapping
from typing import Final

from msgspec.json import Decoder

NO_BUCKETS: Final = "[]"
_COUNTS: Final = Decoder(list[int])


def bucket_counts(buckets: Mapping[int, int]) -> str:
    """Return the counts of buckets, which are given by their index."""
    return _as_json([buckets.get(index, 0) for index in range(max(buckets) + 1)]) if buckets else NO_BUCKETS


def counts_in(buckets: str) -> tuple[int, ...]:
    """Return the counts up to the highest bucket in use."""
    return () if buckets == NO_BUCKETS else tuple(_COUNTS.decode(buckets))


def sum_of_buckets(before: str, more: str) -> str:
    """Return the counts of both together, bucket by bucket."""
    counts, added = _COUNTS.decode(before), _COUNTS.decode(more)
    counts += [0] * (len(added) - len(counts))
    for index, number in enumerate(added):
        counts[index] += number
    return _as_json(counts)


def _as_json(counts: list[int]) -> str:
    # Python writes a list of integers as json.dumps does, in a third of the time.
    return str(counts)

"""Which sessions a pass looks at for what they say without a row: all of them once a minute, the newest each time.

OpenCode records a title in the session alone, while the session is new. To look at all 6,100 sessions of 100,000 messages
in each pass took 13 ms, a third of what a message that came alone cost. It takes more with each session.
"""

from time import monotonic
from typing import Final

NEWEST: Final = 500
"""Sessions that each pass looks at. The order of their rowids is that in which they began, or were imported."""
ALL_SECONDS: Final = 60.0
"""What an older session says without a row is known so much later."""


class SessionRounds:
    """Says when all sessions of one database have to be looked at."""

    def __init__(self) -> None:
        self._all_at: float | None = None
        """When the last pass that looked at all began, by a clock that never goes back."""
        self._imported_ms: int | None = None
        """When 2.x had imported the sessions of 1.x, as of that pass."""
        self._has_left_some = False
        """True once a later pass left older sessions out: they may have changed."""

    @property
    def is_due(self) -> bool:
        """True if all sessions have to be looked at although nobody wrote since the last pass."""
        return self._has_left_some and self._is_time

    def wants_all(self, imported_ms: int | None) -> bool:
        """Return True if the pass that begins now has to look at all sessions.

        An import, of which ``imported_ms`` is the time, begins the totals of old sessions again. That is known for certain
        only until one of them uses something without a row.
        """
        return self._is_time or imported_ms != self._imported_ms

    def want_all(self) -> None:
        """Make the next pass look at all, if somebody wrote since the last one that did."""
        self._all_at = None

    def ended(self, began: float, imported_ms: int | None, *, all_sessions: bool) -> None:
        """Note that a pass which began then, by the same clock, has come to its end."""
        if all_sessions:
            self._all_at, self._imported_ms = began, imported_ms
        self._has_left_some = not all_sessions

    def forget(self) -> None:
        """Start over: the next pass looks at all."""
        self._all_at, self._has_left_some = None, False

    @property
    def _is_time(self) -> bool:
        return self._all_at is None or monotonic() - self._all_at >= ALL_SECONDS

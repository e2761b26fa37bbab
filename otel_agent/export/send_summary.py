"""The sum of the results of several requests."""

from typing import Final

from msgspec import Struct

from otel_agent.model import SendResult

NO_REASON: Final = "it was not accepted"
"""The reason if an exporter gives none, as one does that was closed and sends no more."""


class SendSummary(Struct, frozen=True):
    """The sum of the results of several requests."""

    accepted: int = 0
    """Spans or data points that the backend has now."""
    rejected: int = 0
    """Spans or data points that the backend left out of requests it accepted (partial success)."""
    reason: str = ""
    """The reason why not everything was accepted; empty if everything was."""
    at_fault: int = 0
    """Data points that the backend rejects, each on its own; they are kept and tried again."""
    retry_after_s: float = 0.0
    """Seconds that the backend asks to wait; zero if it says nothing of that."""
    partly: bool = False
    """True if only single items failed: the backend accepts the others."""

    @classmethod
    def of_failure(cls, result: SendResult) -> "SendSummary":
        """Return the summary of a request after which sending more is of no use now."""
        reason = result.reason or NO_REASON
        if result.retry_after_s:
            reason = f"{reason}; it asks to wait {result.retry_after_s:.0f} s"
        return cls(reason=reason, retry_after_s=result.retry_after_s)

    @property
    def broken_off(self) -> bool:
        """True if the sending ended early, because the backend accepts nothing now."""
        return bool(self.reason) and not self.partly

    @property
    def rejects_all(self) -> bool:
        """True if the backend answered with success and accepted nothing of it."""
        return bool(self.rejected and not self.accepted)

    def __add__(self, later: "SendSummary") -> "SendSummary":
        """Return the sum; the later reason is kept, because the backend's newest answer says most."""
        # What broke the sending off matters more than the single items before and after it.
        final = self if self.broken_off and not later.broken_off else later if later.reason else self
        return SendSummary(
            self.accepted + later.accepted,
            self.rejected + later.rejected,
            final.reason,
            self.at_fault + later.at_fault,
            max(self.retry_after_s, later.retry_after_s),
            final.partly,
        )

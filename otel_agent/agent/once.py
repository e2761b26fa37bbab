"""One run that ends by itself: read every store, export everything that is pending, and say what came of it."""

import time
from collections.abc import Callable
from contextlib import closing

from msgspec import Struct

from otel_agent.agent.assemble import assembled
from otel_agent.agent.backend import address_of, not_accepted, not_delivered
from otel_agent.agent.state_log import log_first_pass
from otel_agent.errors import DeliveryError
from otel_agent.export.send_summary import SendSummary
from otel_agent.intake.ingest import Pass
from otel_agent.intake.settled import run_settled
from otel_agent.intake.store_claims import StoreClaims
from otel_agent.ledger.migration_progress import OnMigration, unreported
from otel_agent.model.plural import counted
from otel_agent.semconv import Signal
from otel_agent.settings import Settings


class RunResult(Struct, frozen=True):
    """The outcome of one run: what was counted, what the backend accepted, and how many spans are still pending."""

    read: Pass
    spans: SendSummary
    totals: SendSummary
    pending: int
    seconds: float

    @property
    def delivered(self) -> bool:
        """True if the backend accepted everything, but for parts of requests that it accepted."""
        return not (self.spans.reason or self.totals.reason or self.pending or self.rejects_all)

    @property
    def rejects_all(self) -> bool:
        """True if the backend accepted the requests of a signal, and nothing of what was in them."""
        return self.spans.rejects_all or self.totals.rejects_all

    @property
    def rejected_in_words(self) -> str:
        """What the backend left out of requests that it accepted."""
        return f"{counted(self.spans.rejected, 'span')} and {counted(self.totals.rejected, 'data point')}"

    @property
    def in_words(self) -> str:
        """The run in one line of the log."""
        is_any = self.spans.rejected or self.totals.rejected
        rejected = f"the backend rejected {self.rejected_in_words}; " if is_any else ""
        return (
            f"counted {counted(self.read.messages, 'new message')} in {counted(self.read.stores, 'store')}; "
            f"delivered {counted(self.spans.accepted, 'span')} and {counted(self.totals.accepted, 'data point')}; "
            f"{rejected}"
            f"{counted(self.pending, 'span')} pending; {self.seconds:.1f} s"
        )


def run_once(
    settings: Settings,
    *,
    on_progress: Callable[[Pass], None] | None = None,
    on_migration: OnMigration = unreported,
) -> RunResult:
    """Read every store and deliver everything that is pending.

    ``on_progress`` is called with the state of the reading as it goes on. ``on_migration`` is called before that, while an
    older ledger is brought up to this version. A backend that accepts nothing is no error here: the result says so. Raises
    ``LedgerError`` and ``SettingsError`` as ``assembled`` does.
    """
    started = time.monotonic()
    with assembled(settings, on_migration=on_migration) as agent, closing(StoreClaims(settings)) as claims:
        agent.learn()
        read = run_settled(agent.ingest, sweep=True, on_progress=on_progress)
        log_first_pass(read, agent.ingest.stores, agent.known())
        claims.renew([store.name for store in agent.ingest.stores])
        agent.budgets.check(time.monotonic())
        # Spans go first, other than in the loop: no interval has to be kept here. The metrics are sent only this once, and
        # so report the outbox and the attempts as they are at the end of the run.
        spans = agent.spans.send()
        totals = SendSummary(reason=spans.reason) if _must_wait(settings, spans) else agent.metrics.send(last=True)
        agent.budgets.close_in_order()
        return RunResult(read, spans, totals, agent.spans.pending, time.monotonic() - started)


def _must_wait(settings: Settings, spans: SendSummary) -> bool:
    """True if the backend asked to be left alone when it got the spans, and the metrics would go to it too."""
    return bool(spans.retry_after_s) and address_of(settings, "traces") == address_of(settings, "metrics")


def require_delivery(settings: Settings, result: RunResult) -> None:
    """Raise ``DeliveryError`` if anything of this run was not delivered."""
    if result.rejects_all and not (result.spans.reason or result.totals.reason or result.pending):
        raise DeliveryError(
            f"the backend answered with success and rejected {result.rejected_in_words}: see its reason above. It does not "
            "get them again. Look into its log, and at its limits for the age and the names of data."
        )
    if not result.delivered:
        reasons: dict[Signal, str] = {"traces": result.spans.reason, "metrics": result.totals.reason}
        # One message for both signals if one says it all; it names the address of the one that failed.
        first: Signal = "metrics" if result.totals.reason and not result.spans.reason else "traces"
        also = ""
        if all(reasons.values()) and (
            reasons["metrics"] != reasons["traces"] or address_of(settings, "metrics") != address_of(settings, "traces")
        ):
            also = f" Also metrics: {not_accepted(settings, 'metrics', reasons['metrics'])}"
        reason = reasons[first] or "spans were rejected"
        raise DeliveryError(f"{not_delivered(settings, first, reason, result.pending)}{also}")

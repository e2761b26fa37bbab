"""Ledger -> backend: spans until each was taken, totals as they stand."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_agent.delivery.ports import MetricDelivery, SpanDelivery
from otel_agent.ledger.outbox import Owed
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Receipt
from otel_agent.signals import metrics
from otel_agent.signals.spans import chat_span

log = logging.getLogger(__name__)

_SPANS_PER_REQUEST: Final = 512
"""About 0.5 MB: below the 4 MiB that gRPC servers accept by default."""
_GIVE_UP: Final = 20
"""Spans refused one after the other, and none taken: then it is not the spans, it is the address."""


class Identity(Struct, frozen=True):
    """Who is speaking."""

    resource: Resource
    scope: InstrumentationScope


class Sent(Struct):
    """What came of sending: how much was taken, and why not all of it where that is so."""

    taken: int = 0
    rejected: int = 0
    reason: str = ""


class Dispatch:
    """Owned by the thread that owns the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        spans: SpanDelivery | None,
        totals: MetricDelivery | None,
        identity: Identity,
        *,
        published: list[str],
        session_window_ns: int,
        titles: bool,
        now_ns: Callable[[], int],
    ) -> None:
        self._ledger, self._spans, self._totals, self._identity = ledger, spans, totals, identity
        self._published, self._session_window_ns, self._titles = published, session_window_ns, titles
        self._now_ns = now_ns
        self._refused = 0

    @property
    def owed(self) -> int:
        """Spans the backend has not taken."""
        return len(self._ledger.outbox)

    def send_spans(self, stopping: Callable[[], bool] = lambda: False) -> Sent:
        """Deliver what is owed, oldest first, until nothing is or the backend does not take it.

        A span leaves the ledger after the backend took it: killed in between, it is sent again with the same ids.
        """
        sent = Sent()
        if self._spans is None:
            self._forget()
            return sent
        self._refused = 0
        while not sent.reason and not stopping():
            owed = self._ledger.outbox.oldest(_SPANS_PER_REQUEST)
            if not owed:
                break
            self._deliver(self._spans, owed, sent)
        return sent

    def send_totals(self) -> Sent:
        """Publish the series. What fails is made good by the next time: sums are cumulative."""
        sent, now_ns = Sent(), self._now_ns()
        if self._totals is None:
            return sent
        series = self._ledger.totals.published(self._published, active_since_ns=now_ns - self._session_window_ns)
        who = self._identity
        for points, request in metrics.requests(series, resource=who.resource, scope=who.scope, now_ns=now_ns):
            receipt = self._totals.send(request)
            if not receipt.taken:
                sent.reason = receipt.reason
                break
            self._note(sent, receipt, points, "data points")
        return sent

    def close(self) -> None:
        for each in (self._spans, self._totals):
            if each is not None:
                each.close()

    def _forget(self) -> None:
        """The exporter ``none``: nothing is sent, and nothing kept to be sent later."""
        if self.owed:
            with self._ledger.transaction():
                self._ledger.outbox.clear()

    def _deliver(self, delivery: SpanDelivery, owed: Sequence[Owed], sent: Sent) -> None:
        """Hand over one request. One that is refused as such is halved until the span at fault is alone."""
        who = self._identity
        receipt = delivery.send(
            [
                chat_span(each.message, each.session, resource=who.resource, scope=who.scope, titles=self._titles)
                for each in owed
            ]
        )
        if receipt.taken:
            self._refused = 0
            with self._ledger.transaction():
                self._ledger.outbox.taken([each.number for each in owed])
            self._note(sent, receipt, len(owed), "spans")
        elif not receipt.final or self._refused >= _GIVE_UP:
            sent.reason = receipt.reason
        elif len(owed) == 1:
            self._set_aside(owed[0], receipt)
        else:
            middle = len(owed) // 2
            for half in (owed[:middle], owed[middle:]):
                if not sent.reason:
                    self._deliver(delivery, half, sent)

    def _set_aside(self, owed: Owed, receipt: Receipt) -> None:
        self._refused += 1
        with self._ledger.transaction():
            self._ledger.outbox.refuse(owed.number)
        log.warning(
            "the backend refused the span of %s (%s); kept, and tried again at the next start",
            owed.message.id,
            receipt.reason,
        )

    def _note(self, sent: Sent, receipt: Receipt, number: int, what: str) -> None:
        sent.taken += number - receipt.rejected
        sent.rejected += receipt.rejected
        if receipt.rejected:
            log.warning(
                "the backend took a request without %d of %d %s: %s", receipt.rejected, number, what, receipt.reason
            )

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
from otel_agent.model import Receipt, Series
from otel_agent.signals import metrics
from otel_agent.signals.spans import chat_span

log = logging.getLogger(__name__)

_SPANS_PER_REQUEST: Final = 400
"""About 0.4 MB, or 0.8 MB as JSON: below the 4 MiB that gRPC servers accept by default, and the 1 MiB of a line."""
_GIVE_UP: Final = 20
"""Spans or points refused one after the other, and none taken: then it is not these, it is the address."""
_UNSAID: Final = "it was not taken"
"""The reason where an exporter gives none: it makes no request any more once it was closed."""


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
        self._aside: list[tuple[Owed, Receipt]] = []

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
        self._aside.clear()
        while not sent.reason and not stopping():
            owed = self._ledger.outbox.oldest(_SPANS_PER_REQUEST)
            if not owed:
                break
            self._deliver(self._spans, owed, sent)
        self._judge_refused()
        return sent

    def send_totals(self) -> Sent:
        """Publish the series. What fails is made good by the next time: sums are cumulative."""
        sent, now_ns = Sent(), self._now_ns()
        if self._totals is None:
            return sent
        series = self._ledger.totals.published(self._published, active_since_ns=now_ns - self._session_window_ns)
        self._refused = 0
        for portion in metrics.portions(series):
            if not self._publish(self._totals, portion, sent, now_ns):
                break
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
            sent.reason = receipt.reason or _UNSAID
        elif len(owed) == 1:
            self._set_aside(owed[0], receipt)
        else:
            middle = len(owed) // 2
            for half in (owed[:middle], owed[middle:]):
                if not sent.reason:
                    self._deliver(delivery, half, sent)

    def _publish(self, delivery: MetricDelivery, series: Sequence[Series], sent: Sent, now_ns: int) -> bool:
        """Hand over one request; one that is refused as such (too large, a point at fault) is halved. Returns whether
        there is any use in going on."""
        who = self._identity
        receipt = delivery.send(metrics.request(series, resource=who.resource, scope=who.scope, now_ns=now_ns))
        if receipt.taken:
            self._refused = 0
            self._note(sent, receipt, len(series), "data points")
            return True
        if receipt.final and len(series) > 1 and self._refused < _GIVE_UP:
            middle = len(series) // 2
            return all(self._publish(delivery, half, sent, now_ns) for half in (series[:middle], series[middle:]))
        sent.reason = receipt.reason or _UNSAID
        self._refused += 1
        return receipt.final and self._refused < _GIVE_UP

    def _set_aside(self, owed: Owed, receipt: Receipt) -> None:
        self._refused += 1
        self._aside.append((owed, receipt))
        with self._ledger.transaction():
            self._ledger.outbox.refuse(owed.number)

    def _judge_refused(self) -> None:
        """Say which spans were refused. Where nothing but refusals came in the end, they are owed as before."""
        if self._refused >= _GIVE_UP:
            at_fault, innocent = self._aside[: -self._refused], self._aside[-self._refused :]
            with self._ledger.transaction():
                self._ledger.outbox.retry([owed.number for owed, _ in innocent])
        else:
            at_fault = self._aside
        if at_fault:
            owed, receipt = at_fault[0]
            log.warning(
                "the backend refused %d spans, the first that of %s (%s); kept, and tried again at the next start",
                len(at_fault),
                owed.message.id,
                receipt.reason,
            )

    def _note(self, sent: Sent, receipt: Receipt, number: int, what: str) -> None:
        rejected = min(receipt.rejected, number)
        sent.taken += number - rejected
        sent.rejected += rejected
        if rejected:
            log.warning("the backend took a request without %d of %d %s: %s", rejected, number, what, receipt.reason)
